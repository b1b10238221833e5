import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

/** A selector, one thread: sends back what arrives. Usage: java NioEcho.java ADDRESS PORT */
public final class NioEcho {
  private static final int BUFFER_BYTES = 65536;

  public static void main(String[] args) throws IOException {
    Selector selector = Selector.open();
    ServerSocketChannel listener = ServerSocketChannel.open();
    listener.bind(new InetSocketAddress(args[0], Integer.parseInt(args[1])));
    listener.configureBlocking(false);
    listener.register(selector, SelectionKey.OP_ACCEPT);
    while (true) {
      selector.select();
      for (SelectionKey key : selector.selectedKeys()) {
        if (key.isAcceptable()) accept(listener, selector);
        else echo(key);
      }
      selector.selectedKeys().clear();
    }
  }

  private static void accept(ServerSocketChannel listener, Selector selector) throws IOException {
    SocketChannel channel = listener.accept();
    if (channel == null) return;
    channel.configureBlocking(false);
    channel.register(selector, SelectionKey.OP_READ, ByteBuffer.allocateDirect(BUFFER_BYTES));
  }

  /** Reads once when there is room, writes once, and asks to be told what it waits for next. */
  private static void echo(SelectionKey key) throws IOException {
    SocketChannel channel = (SocketChannel) key.channel();
    ByteBuffer buffer = (ByteBuffer) key.attachment();
    try {
      if (key.isReadable() && channel.read(buffer) < 0) {
        channel.close();
        return;
      }
      buffer.flip();
      channel.write(buffer);
      buffer.compact();
      boolean pending = buffer.position() > 0;
      key.interestOps((buffer.hasRemaining() ? SelectionKey.OP_READ : 0) | (pending ? SelectionKey.OP_WRITE : 0));
    } catch (IOException reset) {
      channel.close();
    }
  }
}
