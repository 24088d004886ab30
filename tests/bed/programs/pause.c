// The pause container: holds the sandbox's namespaces and, with a shared PID namespace, is the
// init that reaps what other containers leave behind.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void Quit(int signal_number) {
  (void)signal_number;
  _exit(0);
}

static void Reap(int signal_number) {
  (void)signal_number;
  while (waitpid(-1, 0, WNOHANG) > 0) {
  }
}

int main(void) {
  // The kernel drops signals without a handler when they are for a PID namespace's init.
  signal(SIGTERM, Quit);
  signal(SIGINT, Quit);
  signal(SIGCHLD, Reap);
  for (;;) pause();
}
