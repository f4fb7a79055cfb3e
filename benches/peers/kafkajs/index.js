// `ingest` as people write it with kafkajs: an event of API Gateway in, its records to Kafka, the REST Proxy's answer out.
// kafkajs tells a partition's first offset alone, so the answer has an entry a partition.
const { Kafka, logLevel } = require("kafkajs");

const kafka = new Kafka({ brokers: process.env.BOOTSTRAP_SERVERS.split(","), logLevel: logLevel.ERROR });
const producer = kafka.producer();
const connected = producer.connect();

exports.handler = async (event) => {
  await connected;
  const topic = event.path.split("/").pop();
  const { records } = JSON.parse(event.body);
  const messages = records.map(({ value }) => ({ value: JSON.stringify(value) }));
  const written = await producer.send({ topic, acks: -1, messages });
  const offsets = written.map(({ partition, baseOffset }) => ({
    partition,
    offset: Number(baseOffset),
    error_code: null,
    error: null,
  }));
  return {
    statusCode: 200,
    headers: { "content-type": "application/vnd.kafka.v2+json" },
    body: JSON.stringify({ offsets, key_schema_id: null, value_schema_id: null }),
  };
};
