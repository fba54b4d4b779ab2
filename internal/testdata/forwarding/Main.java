// A service behind the filter of docs/forwarding.md. For each request it calls the
// URL of its argument. It prints its port, and ends with its standard input.
import com.sun.net.httpserver.HttpServer;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Collections;
import java.util.List;

public final class Main {
    public static void main(String[] args) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        URI uri = URI.create(args[0]);
        Overrides filter = new Overrides();
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", exchange -> {
            HttpServletRequest request = name -> Collections.enumeration(
                    exchange.getRequestHeaders().getOrDefault(name, List.of()));
            int[] status = {500};
            try {
                filter.doFilter(request, null, (in, out) -> status[0] = call(client, uri));
            } catch (ServletException | RuntimeException e) {
                e.printStackTrace();
            }
            exchange.sendResponseHeaders(status[0], -1);
            exchange.close();
        });
        server.start();
        System.out.println(server.getAddress().getPort());
        System.in.read();
        System.exit(0);
    }

    private static int call(HttpClient client, URI uri) throws IOException {
        try {
            // CALL
            return response.statusCode();
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }
}
