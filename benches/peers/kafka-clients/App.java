import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.events.APIGatewayProxyRequestEvent;
import com.amazonaws.services.lambda.runtime.events.APIGatewayProxyResponseEvent;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringSerializer;

/** {@code ingest} as people write it with Kafka's own client, in the shape of AWS's samples. */
public final class App implements RequestHandler<APIGatewayProxyRequestEvent, APIGatewayProxyResponseEvent> {
    private static final Gson GSON = new GsonBuilder().serializeNulls().create();
    private static final KafkaProducer<String, String> PRODUCER = new KafkaProducer<>(
            Map.of("bootstrap.servers", System.getenv("BOOTSTRAP_SERVERS"), "acks", "all", "linger.ms", 0),
            new StringSerializer(),
            new StringSerializer());

    @Override
    public APIGatewayProxyResponseEvent handleRequest(APIGatewayProxyRequestEvent event, Context context) {
        String topic = event.getPath().substring(event.getPath().lastIndexOf('/') + 1);
        JsonArray records = JsonParser.parseString(event.getBody()).getAsJsonObject().getAsJsonArray("records");
        List<Future<RecordMetadata>> sent = new ArrayList<>(records.size());
        for (JsonElement record : records) {
            String value = GSON.toJson(record.getAsJsonObject().get("value"));
            sent.add(PRODUCER.send(new ProducerRecord<>(topic, value)));
        }
        PRODUCER.flush();
        JsonArray offsets = new JsonArray(sent.size());
        try {
            for (Future<RecordMetadata> future : sent) {
                RecordMetadata written = future.get();
                JsonObject entry = new JsonObject();
                entry.addProperty("partition", written.partition());
                entry.addProperty("offset", written.offset());
                entry.add("error_code", JsonNull.INSTANCE);
                entry.add("error", JsonNull.INSTANCE);
                offsets.add(entry);
            }
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
        JsonObject body = new JsonObject();
        body.add("offsets", offsets);
        body.add("key_schema_id", JsonNull.INSTANCE);
        body.add("value_schema_id", JsonNull.INSTANCE);
        return new APIGatewayProxyResponseEvent()
                .withStatusCode(200)
                .withHeaders(Map.of("content-type", "application/vnd.kafka.v2+json"))
                .withBody(GSON.toJson(body));
    }
}
