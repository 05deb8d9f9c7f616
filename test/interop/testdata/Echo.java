import java.io.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.security.spec.*;
import java.util.*;
import javax.net.ssl.*;

/** One connection, as client (standard input goes to the server, its answer to standard output) or as an echo server. */
public class Echo {
    static final Map<String, String> env = System.getenv();
    static final byte[] buffer = new byte[1 << 16];

    public static void main(String[] args) throws Exception {
        if (args[0].equals("client")) client(); else server();
    }

    static void client() throws Exception {
        var context = context();
        if (env.containsKey("RESUME")) {
            var first = connect(context);
            first.shutdownOutput();
            first.getInputStream().readAllBytes();
            first.close();
        }
        var socket = connect(context);
        var out = socket.getOutputStream();
        var in = socket.getInputStream();
        for (int n; (n = System.in.read(buffer)) > 0; ) {
            out.write(buffer, 0, n);
            if ((n = in.read(buffer)) < 0) throw new EOFException("no echo");
            System.out.write(buffer, 0, n);
            System.out.flush();
            // After a handshake this is a key update in TLS 1.3, and another handshake in TLS 1.2.
            if (env.containsKey("KEY_UPDATE") || env.containsKey("RENEGOTIATE")) socket.startHandshake();
        }
        socket.shutdownOutput();
        if (in.read() != -1) throw new IOException("data after the end");
    }

    static SSLSocket connect(SSLContext context) throws Exception {
        // The name that is checked is the one given here, the address is the connection's below.
        var raw = new java.net.Socket("127.0.0.1", Integer.parseInt(env.get("PORT")));
        var socket = (SSLSocket) context.getSocketFactory().createSocket(raw, env.get("NAME"), raw.getPort(), true);
        var params = socket.getSSLParameters();
        params.setServerNames(List.of(new SNIHostName(env.get("NAME")))); // by itself Java sends no name without a dot
        params.setEndpointIdentificationAlgorithm("HTTPS");
        configure(socket, params);
        socket.startHandshake();
        if (env.containsKey("STAPLE")) {
            for (var response : ((ExtendedSSLSession) socket.getSession()).getStatusResponses()) {
                System.err.println(HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(response)));
            }
        }
        return socket;
    }

    static void server() throws Exception {
        var listener = (SSLServerSocket) context().getServerSocketFactory().createServerSocket(0, 1, java.net.InetAddress.getLoopbackAddress());
        System.out.println("port " + listener.getLocalPort());
        for (int left = env.containsKey("RESUME") ? 2 : 1; left > 0; left--) echo((SSLSocket) listener.accept());
    }

    static void echo(SSLSocket socket) throws Exception {
        socket.setNeedClientAuth(env.containsKey("CLIENT_AUTH"));
        configure(socket, socket.getSSLParameters());
        var out = socket.getOutputStream();
        var in = socket.getInputStream();
        for (int n; (n = in.read(buffer)) > 0; ) {
            out.write(buffer, 0, n);
            if (env.containsKey("LATE")) socket.setNeedClientAuth(true);
            if (env.containsKey("KEY_UPDATE") || env.containsKey("RENEGOTIATE")) socket.startHandshake();
        }
        socket.close();
    }

    static void configure(SSLSocket socket, SSLParameters params) {
        switch (env.getOrDefault("VERSION", "1.3")) {
            case "any": break;
            case "1.2": params.setProtocols(new String[] {"TLSv1.2"}); break;
            default: params.setProtocols(new String[] {"TLSv1.3"});
        }
        if (env.containsKey("SUITE")) params.setCipherSuites(new String[] {env.get("SUITE")});
        if (env.containsKey("ALPN")) params.setApplicationProtocols(new String[] {env.get("ALPN")});
        socket.setSSLParameters(params);
    }

    static SSLContext context() throws Exception {
        var trusted = store();
        trusted.setCertificateEntry("ca", certificate("CA"));
        var trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        var keys = KeyManagerFactory.getInstance("PKIX");
        var own = store();
        if (env.containsKey("CERT")) own.setKeyEntry("own", key(), new char[0], new java.security.cert.Certificate[] {certificate("CERT")});
        keys.init(own, new char[0]);
        var context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    static KeyStore store() throws Exception {
        var store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
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
