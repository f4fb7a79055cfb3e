// Formats a request to the API as a curl command and as a Python script. A target is `{ topic, stream }`, with a stream or null.

/** Returns the parts of a request. The row stays as typed: parsing would reformat its numbers and reject invalid JSON. */
export function requestOf({ topic, stream }, row) {
  const part = stream
    ? { method: "PUT", path: `streams/${encodeURIComponent(stream)}/record`, type: "application/json" }
    : { method: "POST", path: `topics/${encodeURIComponent(topic)}`, type: "application/vnd.kafka.json.v2+json" };
  const body = stream ? `{"Data":${row.trim()}}` : `{"records":[{"value":${row.trim()}}]}`;
  return { ...part, address: `${location.origin}/${part.path}`, body };
}

export function curl(target, row) {
  const { method, address, type, body } = requestOf(target, row);
  const lines = [`curl ${method === "POST" ? "" : `-X ${method} `}${shellQuoted(address)}`, `  -H 'Content-Type: ${type}'`, `  -d ${shellQuoted(body)}`];
  return lines.join(" \\\n");
}

export function python(target, row, isJson) {
  const { method, address, type, body } = requestOf(target, row);
  const json = target.stream ? '{"Data": row}' : '{"records": [{"value": row}]}';
  return [
    "import requests",
    "",
    ...(isJson ? [`row = ${pythonLiteral(row.trim())}`] : [`body = ${JSON.stringify(body)}`]),
    "",
    `answer = requests.${method.toLowerCase()}(`,
    `    ${JSON.stringify(address)},`,
    `    headers={"Content-Type": "${type}"},`,
    isJson ? `    json=${json},` : "    data=body.encode(),",
    ")",
    "print(answer.status_code, answer.text)",
  ].join("\n");
}

/** Quotes a text for a shell. Only single quotes need escaping inside single quotes. */
function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Converts JSON to a Python literal. Strings and numbers are the same, except for `\/`, which Python would keep as two characters. */
function pythonLiteral(json) {
  const words = { true: "True", false: "False", null: "None" };
  const unescape = (string) => string.replace(/\\(.)/g, (escape, letter) => (letter === "/" ? "/" : escape));
  return json.replace(/"(?:[^"\\]|\\.)*"|true|false|null/g, (token) => words[token] ?? unescape(token));
}
