// Sends records with Java's own producer: java -cp JARS JavaProducer.java BROKERS TOPIC CODEC TRANSACTION KEY VALUE...
// TRANSACTION is `none`, `commit` or `abort`.
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class JavaProducer {
    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("compression.type", arguments[2]);
        settings.put("linger.ms", "200");
        boolean isTransactional = !arguments[3].equals("none");
        if (isTransactional) {
            settings.put("transactional.id", "java-" + arguments[1]);
        }
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            if (isTransactional) {
                producer.initTransactions();
                producer.beginTransaction();
            }
            for (int at = 4; at + 1 < arguments.length; at += 2) {
                producer.send(new ProducerRecord<>(arguments[1], arguments[at], arguments[at + 1]));
            }
            producer.flush();
            if (arguments[3].equals("commit")) {
                producer.commitTransaction();
            }
            if (arguments[3].equals("abort")) {
                producer.abortTransaction();
            }
        }
    }
}
