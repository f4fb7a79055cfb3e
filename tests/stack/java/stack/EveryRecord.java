package stack;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes topics with every form of record that Kafka's own client can write, and reads what a consumer of committed
 * records receives. Each topic has one partition and the name of its case.
 */
public final class EveryRecord {
    private static final Duration COMPACTION_TIMEOUT = Duration.ofSeconds(60);

    private final String servers;

    private EveryRecord(String servers) {
        this.servers = servers;
    }

    /** {@code write SERVERS}, or {@code read SERVERS}, which prints one record a line. */
    public static void main(String[] arguments) throws Exception {
        var program = new EveryRecord(arguments[1]);
        switch (arguments[0]) {
            case "write" -> program.write();
            case "read" -> program.read();
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private void write() throws Exception {
        createTopics();
        try (var producer = producer(Map.of())) {
            writeNulls(producer);
            writeHeaders(producer);
            writeTimestamps(producer);
            for (var topic : List.of("compression.none", "compression.of-topic")) {
                writeMany(producer, topic, 0, 600);
            }
        }
        for (var compression : List.of("gzip", "snappy", "lz4", "zstd")) {
            try (var producer = producer(Map.of("compression.type", compression))) {
                writeMany(producer, "compression." + compression, 0, 600);
            }
        }
        writeLarge();
        writeTransactions();
        writeCompacted();
    }

    private void createTopics() throws Exception {
        var any = Long.toString(Long.MAX_VALUE);
        var topics = new HashMap<String, Map<String, String>>();
        for (var topic : List.of("nulls", "headers", "transactions", "transactions.none", "transactions.open")) {
            topics.put(topic, Map.of());
        }
        for (var compression : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            topics.put("compression." + compression, Map.of());
        }
        topics.put("compression.of-topic", Map.of("compression.type", "zstd"));
        topics.put("timestamps.append", Map.of("message.timestamp.type", "LogAppendTime"));
        topics.put(
                "timestamps",
                Map.of(
                        "retention.ms", "-1",
                        "message.timestamp.after.max.ms", any,
                        "message.timestamp.before.max.ms", any));
        topics.put("large", Map.of("max.message.bytes", "8000000"));
        topics.put(
                "compacted",
                Map.of(
                        "cleanup.policy", "compact",
                        "min.cleanable.dirty.ratio", "0",
                        "segment.ms", "60000",
                        "delete.retention.ms", "86400000"));
        try (var admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            var created = topics.entrySet().stream()
                    .map(topic -> new NewTopic(topic.getKey(), Optional.of(1), Optional.empty())
                            .configs(topic.getValue()))
                    .toList();
            admin.createTopics(created).all().get();
        }
    }

    private static void writeNulls(KafkaProducer<byte[], byte[]> producer) {
        producer.send(new ProducerRecord<>("nulls", bytes("key"), null));
        producer.send(new ProducerRecord<>("nulls", null, bytes("{\"key\":null}")));
        producer.send(new ProducerRecord<>("nulls", null, null));
        producer.send(new ProducerRecord<>("nulls", new byte[0], new byte[0]));
        producer.send(new ProducerRecord<>("nulls", bytes("key"), bytes("null")));
        producer.send(new ProducerRecord<>("nulls", bytes("key"), new byte[] {0, -1, '{'}));
        producer.send(new ProducerRecord<>("nulls", bytes("key"), bytes("[1]")));
        producer.flush();
    }

    private static void writeHeaders(KafkaProducer<byte[], byte[]> producer) {
        var many = new ArrayList<Header>();
        for (var number = 0; number < 1000; number++) {
            many.add(new RecordHeader("header " + number % 7, number % 3 == 0 ? null : bytes("" + number)));
        }
        var forms = List.of(
                List.<Header>of(),
                List.of(header("null", null)),
                List.of(header("empty", new byte[0])),
                List.of(header("", bytes("without a name")), header("", null)),
                List.of(header("twice", bytes("1")), header("twice", null), header("twice", bytes("3"))),
                List.of(header("\u00fc\u6f22\ud83d\udccc\"\\\n", new byte[] {0, 1, 127, -128, -1})),
                many);
        for (var headers : forms) {
            var value = bytes("{\"headers\":" + headers.size() + "}");
            producer.send(new ProducerRecord<>("headers", null, null, bytes("key"), value, headers));
        }
        producer.flush();
    }

    private static void writeTimestamps(KafkaProducer<byte[], byte[]> producer) {
        // A nanosecond's number in place of a millisecond's is a common mistake.
        var now = 1_600_000_000_000L;
        for (var timestamp : Arrays.asList(null, 0L, 1L, now, now * 1_000_000, Long.MAX_VALUE, 0L)) {
            var value = bytes("{\"timestamp\":" + timestamp + "}");
            producer.send(new ProducerRecord<>("timestamps", null, timestamp, null, value));
        }
        producer.flush();
        producer.send(new ProducerRecord<>("timestamps", null, Long.MAX_VALUE, null, bytes("{\"alone\":true}")));
        producer.send(new ProducerRecord<>("timestamps.append", null, 0L, null, bytes("{\"appended\":true}")));
        producer.flush();
    }

    /** Writes a batch of some 150 kB, which is several of Snappy's blocks. */
    private static void writeMany(KafkaProducer<byte[], byte[]> producer, String topic, int from, int to) {
        for (var number = from; number < to; number++) {
            var text = "x".repeat(200) + Long.toHexString(number * 0x9E3779B97F4A7C15L);
            var value = bytes("{\"topic\":\"" + topic + "\",\"number\":" + number + ",\"text\":\"" + text + "\"}");
            var headers = number % 2 == 0 ? List.of(header("null", null)) : List.<Header>of();
            producer.send(new ProducerRecord<>(topic, null, null, bytes("" + number), value, headers));
        }
        producer.flush();
    }

    /** Writes records that are larger than a fetch of 1 MiB, by their key, their value or a header. */
    private void writeLarge() {
        try (var producer = producer(Map.of("max.request.size", 8_000_000))) {
            var large = "x".repeat(3_000_000);
            var row = bytes("{\"large\":false}");
            producer.send(new ProducerRecord<>("large", bytes(large), row));
            producer.send(new ProducerRecord<>("large", null, bytes("\"" + large + "\"")));
            var headers = List.of(header("null", null), header("large", bytes(large)));
            producer.send(new ProducerRecord<>("large", null, null, null, row, headers));
            producer.send(new ProducerRecord<>("large", null, row));
            producer.flush();
        }
    }

    private void writeTransactions() {
        try (var plain = producer(Map.of());
                var one = transactional("one", "gzip");
                var two = transactional("two", "none")) {
            writeMany(plain, "transactions", 0, 3);
            // Of one producer, between two that are committed.
            within(one, true, producer -> writeMany(producer, "transactions", 10, 13));
            within(one, false, producer -> writeMany(producer, "transactions", 20, 23));
            within(one, true, producer -> writeMany(producer, "transactions", 30, 33));
            // Of two at a time, with a record of a third between.
            one.beginTransaction();
            writeMany(one, "transactions", 40, 42);
            within(two, true, producer -> writeMany(producer, "transactions", 50, 52));
            writeMany(one, "transactions", 42, 44);
            writeMany(plain, "transactions", 60, 62);
            one.abortTransaction();
            // More than one fetch of aborted records, so a fetch that has no record, and then another.
            within(two, false, producer -> {
                for (var number = 100; number < 12_100; number += 600) {
                    writeMany(producer, "transactions", number, number + 600);
                }
            });
            within(two, true, producer -> writeMany(producer, "transactions", 70, 73));
            // The last of the topic.
            within(one, false, producer -> writeMany(producer, "transactions", 80, 83));

            within(one, false, producer -> writeMany(producer, "transactions.none", 0, 3));

            within(one, true, producer -> writeMany(producer, "transactions.open", 0, 3));
        }
        // Not closed, which would abort it: the broker does so after minutes.
        var open = transactional("open", "none");
        open.beginTransaction();
        writeMany(open, "transactions.open", 10, 13);
        try (var plain = producer(Map.of())) {
            writeMany(plain, "transactions.open", 20, 23);
        }
    }

    /** Leaves gaps, a tombstone, and batches without any record, then waits until Kafka has compacted the topic. */
    private void writeCompacted() throws Exception {
        try (var first = producer(Map.of("compression.type", "lz4"));
                var second = producer(Map.of())) {
            writeMany(first, "compacted", 0, 20);
            writeMany(second, "compacted", 0, 5);
            writeMany(second, "compacted", 8, 12);
            second.send(new ProducerRecord<>("compacted", bytes("15"), null));
            writeMany(second, "compacted", 30, 33);
            // The last batch of a producer stays, even without a record.
            writeMany(first, "compacted", 40, 41);
            writeMany(second, "compacted", 40, 42);
            // Begins a new segment: only older ones are compacted.
            var later = System.currentTimeMillis() + 600_000;
            second.send(new ProducerRecord<>("compacted", null, later, bytes("last"), bytes("{\"last\":true}")));
            second.flush();
        }
        var deadline = System.nanoTime() + COMPACTION_TIMEOUT.toNanos();
        while (!isCompacted()) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("the topic was not compacted in time");
            }
            Thread.sleep(20);
        }
    }

    private boolean isCompacted() {
        var keys = new HashSet<String>();
        return records(List.of("compacted")).stream().allMatch(record -> keys.add(new String(record.key(), UTF_8)));
    }

    private static void within(
            KafkaProducer<byte[], byte[]> producer, boolean commits, Consumer<KafkaProducer<byte[], byte[]>> work) {
        producer.beginTransaction();
        work.accept(producer);
        if (commits) {
            producer.commitTransaction();
        } else {
            producer.abortTransaction();
        }
    }

    private KafkaProducer<byte[], byte[]> transactional(String id, String compression) {
        var producer = producer(Map.of(
                "transactional.id", id, "transaction.timeout.ms", 900_000, "compression.type", compression));
        producer.initTransactions();
        return producer;
    }

    /** Creates a producer that sends a batch when it is flushed, and not before. */
    private KafkaProducer<byte[], byte[]> producer(Map<String, Object> settings) {
        var all = new HashMap<String, Object>(Map.of(
                "bootstrap.servers", servers,
                "acks", "all",
                "linger.ms", 60_000,
                "delivery.timeout.ms", 120_000,
                "batch.size", 900_000));
        all.putAll(settings);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private void read() throws Exception {
        try (var admin = Admin.create(Map.of("bootstrap.servers", servers))) {
            var topics = admin.listTopics().names().get();
            records(topics).forEach(record -> System.out.println(asLambda(record)));
        }
    }

    /** Reads the committed records of all topics. */
    private List<ConsumerRecord<byte[], byte[]>> records(Iterable<String> topics) {
        var settings = Map.<String, Object>of(
                "bootstrap.servers", servers, "isolation.level", "read_committed", "enable.auto.commit", false);
        var all = new ArrayList<ConsumerRecord<byte[], byte[]>>();
        try (var consumer =
                new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            for (var topic : topics) {
                var partition = new TopicPartition(topic, 0);
                consumer.assign(List.of(partition));
                consumer.seekToBeginning(List.of(partition));
                long end = consumer.endOffsets(List.of(partition)).get(partition);
                while (consumer.position(partition) < end) {
                    consumer.poll(Duration.ofSeconds(1)).forEach(all::add);
                }
            }
        }
        return all;
    }

    /** The record as an event source mapping of AWS Lambda delivers it: it leaves out a header whose value is null. */
    private static String asLambda(ConsumerRecord<byte[], byte[]> record) {
        var headers = Arrays.stream(record.headers().toArray())
                .map(header -> header.value() == null
                        ? "{}"
                        : "{" + quoted(header.key()) + ":" + Arrays.toString(header.value()) + "}")
                .collect(Collectors.joining(","));
        var form = "{\"topic\":%s,\"partition\":%d,\"offset\":%d,\"timestamp\":%d,\"timestampType\":%s,"
                + "\"key\":%s,\"value\":%s,\"headers\":[%s]}";
        return form.formatted(
                quoted(record.topic()),
                record.partition(),
                record.offset(),
                record.timestamp(),
                quoted(record.timestampType().name()),
                encoded(record.key()),
                encoded(record.value()),
                headers);
    }

    private static String encoded(byte[] bytes) {
        return bytes == null ? "null" : quoted(Base64.getEncoder().encodeToString(bytes));
    }

    private static String quoted(String text) {
        return text.chars()
                .mapToObj(unit -> unit < ' ' || unit > '~' || unit == '"' || unit == '\\'
                        ? String.format("\\u%04x", unit)
                        : Character.toString(unit))
                .collect(Collectors.joining("", "\"", "\""));
    }

    private static Header header(String name, byte[] value) {
        return new RecordHeader(name, value);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }
}
