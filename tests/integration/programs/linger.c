// Two processes that wait as hard as they can without hardware: the child of vfork(2) never gives
// up the memory that it borrows, so its parent sleeps in state D, and no signal but SIGKILL wakes
// it. Prints "up" when both are there.
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>

int main(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  if (vfork() == 0) {
    setsid();
    (void)!write(STDOUT_FILENO, "up\n", 3);
    for (;;) pause();
  }
  return 0;
}
