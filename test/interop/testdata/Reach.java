import java.io.InputStream;
import java.net.URI;
import java.security.Security;
import javax.net.ssl.HttpsURLConnection;

/** Fetches https://localhost:PORT/ with what the runtime trusts by itself, and prints it. */
public class Reach {
    public static void main(String[] args) throws Exception {
        Security.setProperty("ocsp.enable", System.getProperty("ocsp", "false"));
        HttpsURLConnection c = (HttpsURLConnection) URI.create("https://localhost:" + args[0] + "/").toURL().openConnection();
        c.setConnectTimeout(20000);
        c.setReadTimeout(20000);
        try (InputStream in = c.getInputStream()) {
            System.out.println(new String(in.readAllBytes()));
        }
    }
}
