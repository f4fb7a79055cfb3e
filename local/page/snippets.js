// Writes a request to the API as people run it: as a curl command and as a Python script.

const TYPE = "application/vnd.kafka.json.v2+json";

/** The body that is sent for a row. The row stays as it was typed: parsing would print its numbers again, and drop what is no JSON. */
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

/** Within single quotes a shell changes nothing; a single quote itself has to stand outside of them. */
function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** JSON as Python writes it. Strings and numbers are the same in both, but for `\/`, which Python would keep as two characters. */
function pythonLiteral(json) {
  const words = { true: "True", false: "False", null: "None" };
  const unescape = (string) => string.replace(/\\(.)/g, (escape, letter) => (letter === "/" ? "/" : escape));
  return json.replace(/"(?:[^"\\]|\\.)*"|true|false|null/g, (token) => words[token] ?? unescape(token));
}
