import java.io.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.security.spec.*;
import java.util.*;
import javax.net.ssl.*;

/** One capability of Java's, told by environment variables as in Echo: usage Trial CAPABILITY ROLE. */
public class Trial {
    static final Map<String, String> env = System.getenv();
    static final byte[] hello = "hello from the other side\n".getBytes();

    public static void main(String[] args) throws Exception {
        int times = args[0].equals("resumption") ? 2 : 1;
        var context = context();
        if (args[1].equals("client")) client(context, times); else server(context, times);
    }

    static void client(SSLContext context, int times) throws Exception {
        long first = 0;
        for (int i = 0; i < times; i++) {
            var raw = new java.net.Socket("127.0.0.1", Integer.parseInt(env.get("PORT")));
            var socket = (SSLSocket) context.getSocketFactory().createSocket(raw, env.get("NAME"), raw.getPort(), true);
            var params = socket.getSSLParameters();
            params.setServerNames(List.of(new SNIHostName(env.get("NAME"))));
            params.setEndpointIdentificationAlgorithm("HTTPS");
            params.setProtocols(new String[] {"TLSv1.3"});
            socket.setSSLParameters(params);
            socket.getOutputStream().write(hello);
            if (!Arrays.equals(socket.getInputStream().readNBytes(hello.length), hello)) throw new IOException("no echo");
            while (socket.getInputStream().read() >= 0) { }
            long born = socket.getSession().getCreationTime();
            System.out.println("resumed " + (i > 0 && born == first));
            first = born;
            socket.close();
            Thread.sleep(5); // so that creation times differ
        }
    }

    static void server(SSLContext context, int times) throws Exception {
        var listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0, 5, java.net.InetAddress.getByName("127.0.0.1"));
        System.out.println("port " + listener.getLocalPort());
        for (int i = 0; i < times; i++) {
            try (var socket = (SSLSocket) listener.accept()) {
                var buffer = new byte[1 << 14];
                for (int n; (n = socket.getInputStream().read(buffer)) > 0; ) socket.getOutputStream().write(buffer, 0, n);
            }
        }
    }

    static SSLContext context() throws Exception {
        var trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null);
        trusted.setCertificateEntry("ca", certificate("CA"));
        var trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        KeyManager[] keys = null;
        if (env.containsKey("CERT")) {
            var own = KeyStore.getInstance(KeyStore.getDefaultType());
            own.load(null);
            own.setKeyEntry("own", key(), new char[0], new java.security.cert.Certificate[] {certificate("CERT")});
            var factory = KeyManagerFactory.getInstance("PKIX");
            factory.init(own, new char[0]);
            keys = factory.getKeyManagers();
        }
        var context = SSLContext.getInstance("TLSv1.3");
        context.init(keys, trust.getTrustManagers(), null);
        return context;
    }

    static X509Certificate certificate(String name) throws Exception {
        try (var in = new FileInputStream(env.get(name))) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    static PrivateKey key() throws Exception {
        var text = Files.readString(Path.of(env.get("KEY"))).replaceAll("-----[A-Z ]+-----", "");
        return KeyFactory.getInstance(env.get("KEY_ALGORITHM")).generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(text)));
    }
}
