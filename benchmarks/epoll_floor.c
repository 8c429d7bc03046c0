/* epoll_floor: the least that an epoll HTTP/1.1 client can cost on this machine.
 *
 *   epoll_floor PORT CONNECTIONS SECONDS
 *
 * Closed loop, keep-alive, one thread: one send and one recv per request, the socket registered once, nothing
 * parsed, nothing recorded. A real client does more than this, so its CPU per request over this one's is how
 * far it stands from the limit. Prints one JSON line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec * 1e-9; }

int main(int argc, char **argv) {
  if (argc != 4) { fprintf(stderr, "usage: epoll_floor PORT CONNECTIONS SECONDS\n"); return 2; }
  int connections = atoi(argv[2]); double seconds = atof(argv[3]);
  const char *request = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"; size_t length = strlen(request);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))}; to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int ep = epoll_create1(0), one = 1;
  for (int i = 0; i < connections; i++) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s, (void *)&to, sizeof to)) { perror("connect"); return 1; }
    fcntl(s, F_SETFL, O_NONBLOCK); setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = s}; epoll_ctl(ep, EPOLL_CTL_ADD, s, &e); send(s, request, length, 0);
  }
  char buffer[16384]; struct epoll_event ready[256]; long done = 0, waits = 0; double start = now(), end = start + seconds;
  while (now() < end) {
    int n = epoll_wait(ep, ready, 256, 100);
    waits++;
    for (int i = 0; i < n; i++) { int s = ready[i].data.fd; if (recv(s, buffer, sizeof buffer, 0) > 0) { done++; send(s, request, length, 0); } }
  }
  double wall = now() - start; struct rusage u; getrusage(RUSAGE_SELF, &u);
  double cpu = u.ru_utime.tv_sec + u.ru_utime.tv_usec * 1e-6 + u.ru_stime.tv_sec + u.ru_stime.tv_usec * 1e-6;
  printf("{\"requests\": %ld, \"waits\": %ld, \"wall_s\": %.3f, \"cpu_s\": %.3f, \"cpu_us_per_request\": %.3f}\n", done, waits, wall, cpu, cpu / done * 1e6);
}
