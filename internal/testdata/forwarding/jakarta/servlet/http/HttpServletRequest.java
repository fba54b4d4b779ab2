// Of the Servlet API, as much as docs/forwarding.md uses.
package jakarta.servlet.http;

import java.util.Enumeration;

public interface HttpServletRequest extends jakarta.servlet.ServletRequest {
    Enumeration<String> getHeaders(String name);
}
