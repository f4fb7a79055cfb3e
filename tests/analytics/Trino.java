import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.trino.testing.LocalQueryRunner;
import io.trino.testing.MaterializedRow;
import io.trino.testing.TestingSession;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Trino's engine in this process, without tables. Reads queries by name (JSON), and prints each one's rows as lists. */
final class Trino {
    public static void main(String[] args) throws Exception {
        // Libraries print warnings to stdout.
        var out = System.out;
        System.setOut(System.err);
        var json = new ObjectMapper();
        var queries = json.readValue(System.in, new TypeReference<LinkedHashMap<String, String>>() {});
        Map<String, List<List<Object>>> answers = new LinkedHashMap<>();
        try (var trino = LocalQueryRunner.create(TestingSession.testSessionBuilder().build())) {
            queries.forEach((name, sql) -> {
                var rows = trino.execute(sql).getMaterializedRows();
                answers.put(name, rows.stream().map(MaterializedRow::getFields).toList());
            });
        }
        out.println(json.writeValueAsString(answers));
        // Its threads would keep the process.
        System.exit(0);
    }
}
