// The only file of the distroless image: a TCP listener, as a service without a shell would be.
// Usage: server [PORT]
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void Quit(int signal_number) {
  (void)signal_number;
  _exit(0);
}

int main(int argc, char** argv) {
  static const char kAnswer[] = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
  struct sockaddr_in address;
  int on = 1;
  int listener = socket(AF_INET, SOCK_STREAM, 0);

  // As PID 1 it would ignore SIGTERM without a handler, and every stop would wait for SIGKILL.
  signal(SIGTERM, Quit);
  signal(SIGPIPE, SIG_IGN);
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 8080));
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) < 0 || listen(listener, 16) < 0) {
    perror("server: listen");
    return 1;
  }
  for (;;) {
    int client = accept(listener, 0, 0);
    if (client < 0) continue;
    if (write(client, kAnswer, sizeof kAnswer - 1) < 0) perror("server: write");
    close(client);
  }
}
