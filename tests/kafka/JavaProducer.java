// Sends records with Java's own producers, one behind the other:
// java -cp JARS JavaProducer.java BROKERS TOPIC (CODEC TRANSACTION N (KEY VALUE){N})...
// TRANSACTION is `none`, `commit` or `abort`.
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class JavaProducer {
    public static void main(String[] arguments) throws Exception {
        int at = 2;
        while (at < arguments.length) {
            int end = at + 3 + 2 * Integer.parseInt(arguments[at + 2]);
            send(arguments, at, end);
            at = end;
        }
    }

    static void send(String[] arguments, int at, int end) throws Exception {
        String topic = arguments[1], transaction = arguments[at + 1];
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("compression.type", arguments[at]);
        settings.put("linger.ms", "200");
        boolean isTransactional = !transaction.equals("none");
        if (isTransactional) {
            settings.put("transactional.id", "java-" + topic);
        }
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            if (isTransactional) {
                producer.initTransactions();
                producer.beginTransaction();
            }
            for (int place = at + 3; place < end; place += 2) {
                producer.send(new ProducerRecord<>(topic, arguments[place], arguments[place + 1]));
            }
            producer.flush();
            if (transaction.equals("commit")) {
                producer.commitTransaction();
            }
            if (transaction.equals("abort")) {
                producer.abortTransaction();
            }
        }
    }
}
