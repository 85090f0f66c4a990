import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.camel.Exchange;
import org.apache.camel.builder.AggregationStrategies;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.component.kafka.KafkaConstants;
import org.apache.camel.component.http.HttpComponent;
import org.apache.camel.main.Main;

/**
 * Apache Camel's side: intake (Kafka, JSON Schema, Kafka) or delivery (Kafka, HTTP).
 *
 * <p>Arguments: bootstrap servers, province, type, records, target URL. Variables: BENCH_ROUTE, BENCH_SCHEMA.
 * The first fifth of the records lets the virtual machine compile; the clock starts after it.
 */
public final class Side extends RouteBuilder {
    private static final int IN_FLIGHT = 100;
    private final String[] arguments;
    private final String route = System.getenv("BENCH_ROUTE");
    private final long records;
    private final long warm;
    private final AtomicLong done = new AtomicLong();
    private volatile long started;
    private volatile long counted;

    private Side(String[] arguments) {
        this.arguments = arguments;
        this.records = Long.parseLong(arguments[3]);
        this.warm = records / 5;
    }

    public static void main(String[] arguments) throws Exception {
        Main main = new Main();
        main.configure().setAutoConfigurationEnabled(false);
        main.configure().addRoutesBuilder(new Side(arguments));
        main.run();
    }

    @Override
    public void configure() {
        String group = "bench-camel-" + System.nanoTime();
        String source =
                "kafka:" + arguments[1] + ".inbound.dossier.one-stop?brokers=" + arguments[0]
                        + "&groupId=" + group + "&autoOffsetReset=earliest&consumersCount=4&maxPollRecords=2000"
                        + "&isolationLevel=read_committed"
                        + "&valueDeserializer=org.apache.kafka.common.serialization.ByteArrayDeserializer";
        String batches = source + "&batching=true&pollTimeoutMs=100&batchingIntervalMs=100";
        // A route that awaits each record would only wait longer for company that never comes.
        int linger = route.endsWith("-batch") ? 5 : 0;
        String target =
                "kafka:" + arguments[1] + ".records.dossier?brokers=" + arguments[0]
                        + "&requestRequiredAcks=all&enableIdempotence=true&lingerMs=" + linger + "&compressionCodec=lz4"
                        + "&producerBatchSize=262144&maxInFlightRequest=5"
                        + "&valueSerializer=org.apache.kafka.common.serialization.ByteArraySerializer";
        String schema = "json-validator:file:" + System.getenv("BENCH_SCHEMA");
        HttpComponent http = getContext().getComponent("http", HttpComponent.class);
        http.setConnectionsPerRoute(IN_FLIGHT);
        http.setMaxTotalConnections(IN_FLIGHT);
        String web = arguments.length > 4 ? arguments[4] : "";
        switch (route) {
            case "intake":
                from(source).to(schema).process(this::key).to(target).process(this::count);
                break;
            case "intake-batch":
                from(batches)
                        .split(body(), AggregationStrategies.groupedExchange()).stopOnException()
                        .process(Side::unwrap).to(schema).process(this::key).end()
                        .process(this::remember).to(target).process(this::countBatch);
                break;
            case "delivery":
                from(source).threads(IN_FLIGHT, IN_FLIGHT).process(Side::post).to(web).process(this::count);
                break;
            case "delivery-batch":
                from(batches)
                        .split(body()).parallelProcessing().executorService(Executors.newFixedThreadPool(IN_FLIGHT))
                        .process(Side::unwrap).process(Side::post).to(web).process(this::count).end();
                break;
            default:
                throw new IllegalArgumentException(route);
        }
    }

    private static void unwrap(Exchange exchange) {
        Exchange inner = exchange.getMessage().getBody(Exchange.class);
        exchange.getMessage().setHeaders(inner.getMessage().getHeaders());
        exchange.getMessage().setBody(inner.getMessage().getBody());
    }

    private static void post(Exchange exchange) {
        exchange.getMessage().removeHeaders("*");
        exchange.getMessage().setHeader(Exchange.HTTP_METHOD, "POST");
    }

    private void key(Exchange exchange) {
        byte[] code = exchange.getMessage().getHeader("ce_dossiercode", byte[].class);
        exchange.getMessage().setHeader(KafkaConstants.KEY, new String(code, StandardCharsets.UTF_8));
    }

    private void remember(Exchange exchange) {
        exchange.setProperty("size", exchange.getMessage().getBody(List.class).size());
    }

    private void count(Exchange exchange) {
        add(1);
    }

    private void countBatch(Exchange exchange) {
        add(exchange.getProperty("size", Integer.class));
    }

    private void add(long number) {
        long before = done.getAndAdd(number);
        if (before < warm && before + number >= warm) {
            started = System.nanoTime();
            counted = before + number;
        }
        if (before < records && before + number >= records) {
            double seconds = (System.nanoTime() - started) / 1e9;
            System.out.printf(
                    java.util.Locale.ROOT,
                    "{\"records\": %d, \"seconds\": %f, \"records_per_second\": %f}%n",
                    before + number, seconds, (before + number - counted) / seconds);
            System.out.flush();
            Runtime.getRuntime().halt(0);
        }
    }
}
