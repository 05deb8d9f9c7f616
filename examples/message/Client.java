import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.List;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * Sends the lines of standard input as messages and prints the messages of the answer.
 *
 * <p>Usage: java Client.java HOST PORT CA-FILE NAME
 *
 * <p>The format is that of the Go package message: each message is its length as four
 * bytes, big-endian, and then its bytes. The first bit of a length is 0 here, because a
 * Java array has no more than 2^31-1 bytes.
 */
public class Client {
    private static final int LIMIT = 1 << 20; // bytes of the longest message that is accepted

    private static void send(DataOutputStream out, byte[] message) throws IOException {
        byte[] framed = new byte[4 + message.length];
        java.nio.ByteBuffer.wrap(framed).putInt(message.length).put(message);
        out.write(framed);
        out.flush();
    }

    /** Returns the next message, or null at the end of the stream. */
    private static byte[] receive(DataInputStream in) throws IOException {
        int first = in.read();
        if (first < 0) {
            return null;
        }
        int length = first << 24 | in.readUnsignedByte() << 16 | in.readUnsignedShort();
        if (length < 0 || length > LIMIT) {
            throw new IOException("a message of " + Integer.toUnsignedString(length) + " bytes exceeds the limit of " + LIMIT);
        }
        byte[] message = new byte[length];
        in.readFully(message);
        return message;
    }

    private static SSLContext context(String authority) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (InputStream in = Files.newInputStream(Path.of(authority))) {
            int i = 0;
            for (Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                store.setCertificateEntry("authority" + i++, c);
            }
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    public static void main(String[] args) throws Exception {
        SSLContext context = context(args[2]);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(args[0], Integer.parseInt(args[1]))) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS"); // checks the name
            parameters.setServerNames(List.of(new SNIHostName(args[3])));
            socket.setSSLParameters(parameters);
            socket.setSoTimeout(30_000);
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            DataInputStream in = new DataInputStream(socket.getInputStream());
            PrintStream print = new PrintStream(System.out, true, StandardCharsets.UTF_8);
            BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line; (line = lines.readLine()) != null; ) {
                send(out, line.getBytes(StandardCharsets.UTF_8));
                byte[] answer = receive(in);
                if (answer == null) {
                    throw new EOFException("the server ended instead of an answer");
                }
                print.println(new String(answer, StandardCharsets.UTF_8));
            }
        }
    }
}
