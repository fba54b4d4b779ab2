// Of the Servlet API, as much as docs/forwarding.md uses.
package jakarta.servlet;

public class ServletException extends Exception {}
