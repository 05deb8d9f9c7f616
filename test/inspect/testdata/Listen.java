import java.io.*;
import java.security.*;
import javax.net.ssl.*;

/** A server that makes handshakes. Arguments: port, PKCS12 file, its password. */
public class Listen {
    public static void main(String[] args) throws Exception {
        var store = KeyStore.getInstance("PKCS12");
        try (var file = new FileInputStream(args[1])) { store.load(file, args[2].toCharArray()); }
        var keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(store, args[2].toCharArray());
        var context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        var loopback = java.net.InetAddress.getLoopbackAddress();
        var listener = context.getServerSocketFactory().createServerSocket(Integer.parseInt(args[0]), 100, loopback);
        while (true) {
            var socket = listener.accept();
            new Thread(() -> {
                try (socket) { socket.getInputStream().readAllBytes(); } catch (IOException e) { }
            }).start();
        }
    }
}
