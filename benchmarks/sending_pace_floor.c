/* sending_pace_floor: how late a bare epoll loop is that also sends and reads a request at each arrival.
 *
 *   sending_pace_floor RATE SECONDS PORT CONNECTIONS
 *
 * pace_floor with the least work a load generator has: at arrival k it sends a fixed request on an idle connection to
 * 127.0.0.1:PORT, and reads what has come before it sleeps again. It records nothing but the lags and looks into no
 * answer. A request that falls due while all connections are busy waits for the first that is free. Prints one JSON line:
 * quantiles of the lag (sent minus due) in microseconds.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: floor\r\nAccept: */*\r\n\r\n";
static char answer[16384];

static long now_ns(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000L + t.tv_nsec; }
static int ascending(const void *a, const void *b) { long x = *(const long *)a, y = *(const long *)b; return (x > y) - (x < y); }
static void fail(const char *what) { perror(what); exit(1); }

int main(int argc, char **argv) {
  if (argc != 5) { fprintf(stderr, "usage: sending_pace_floor RATE SECONDS PORT CONNECTIONS\n"); return 2; }
  long rate = atol(argv[1]), count = rate * atol(argv[2]), *lag = malloc(count * sizeof *lag);
  int connections = atoi(argv[4]), *idle = malloc(connections * sizeof *idle), free_ones = 0, ep = epoll_create1(0);
  struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[3])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  for (; free_ones < connections; free_ones++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (connect(fd, (void *)&target, sizeof target)) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &wanted);
    idle[free_ones] = fd;
  }
  prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
  long start = now_ns() + 1000000;
  struct epoll_event ready[256];
  for (long k = 0; k < count;) {
    long due = start + (long)((__int128)k * 1000000000L / rate), now = now_ns(), left = now < due ? due - now : 0;
    struct timespec sleep = {left / 1000000000L, left % 1000000000L};
    int events = epoll_pwait2(ep, ready, 256, free_ones ? &sleep : NULL, NULL);
    for (; k < count && free_ones; k++) {
      due = start + (long)((__int128)k * 1000000000L / rate);
      if ((now = now_ns()) < due) break;
      lag[k] = now - due;
      if (send(idle[--free_ones], request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1) fail("send");
    }
    for (int each = 0; each < events; each++) {
      long got = recv(ready[each].data.fd, answer, sizeof answer, MSG_DONTWAIT);
      if (got == 0) { fprintf(stderr, "the target has closed a connection\n"); return 1; }
      if (got > 0) idle[free_ones++] = ready[each].data.fd;
    }
  }
  qsort(lag, count, sizeof *lag, ascending);
  printf("{\"arrivals\": %ld, \"lag_us\": {\"0.5\": %.1f, \"0.9\": %.1f, \"0.99\": %.1f, \"0.999\": %.1f, \"max\": %.1f}}\n", count, lag[count / 2] / 1e3,
         lag[count * 9 / 10] / 1e3, lag[count * 99 / 100] / 1e3, lag[count * 999 / 1000] / 1e3, lag[count - 1] / 1e3);
}
