// Connects with the code of docs/guides/other-languages.md, and prints what it gets as JSON.
import io.socket.client.Ack;
import io.socket.client.Socket;
import org.json.JSONObject;

class Client {
  public static void main(String[] arguments) {
    Socket socket = Recovering.socket(arguments[0], arguments[1]);
    socket.on("welcome", args -> {
      JSONObject welcome = (JSONObject) args[0];
      boolean recovered = welcome.optBoolean("recovered");
      if (!recovered) {
        Ack joined = reply -> tell("\"joined\":" + ((JSONObject) reply[0]).optBoolean("ok"));
        socket.emit("join_room", new Object[] {"lobby"}, joined);
      }
      tell("\"pod\":\"" + welcome.optString("pod") + "\",\"recovered\":" + recovered);
    });
    socket.on("news", args -> tell("\"number\":" + args[0]));
    socket.connect();
  }

  static synchronized void tell(String members) {
    System.out.println("{" + members + "}");
  }
}
