// `ingest` as one would write it with kafkajs: takes API Gateway's event, writes its records to Kafka, and responds
// like the REST Proxy. kafkajs reports only a partition's first offset, so the response has one entry per partition.
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
