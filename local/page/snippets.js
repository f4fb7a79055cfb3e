// Formats a request to the API as a curl command and as a Python script.

const TYPE = "application/vnd.kafka.json.v2+json";

/** Returns the request body of a row. The row stays as typed: parsing would reformat its numbers and reject invalid JSON. */
export function bodyOf(row) {
  return `{"records":[{"value":${row.trim()}}]}`;
}

export function addressOf(topic) {
  return `${location.origin}/topics/${encodeURIComponent(topic)}`;
}

export function headers() {
  return { "Content-Type": TYPE };
}

export function curl(topic, row) {
  const lines = [`curl ${shellQuoted(addressOf(topic))}`, `  -H 'Content-Type: ${TYPE}'`, `  -d ${shellQuoted(bodyOf(row))}`];
  return lines.join(" \\\n");
}

export function python(topic, row, isJson) {
  return [
    "import requests",
    "",
    ...(isJson ? [`row = ${pythonLiteral(row.trim())}`] : [`body = ${JSON.stringify(bodyOf(row))}`]),
    "",
    "answer = requests.post(",
    `    ${JSON.stringify(addressOf(topic))},`,
    `    headers={"Content-Type": "${TYPE}"},`,
    isJson ? '    json={"records": [{"value": row}]},' : "    data=body.encode(),",
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
