/*
 * drain.c: stands for syslogd: takes every line that arrives at the socket PATH and forgets it, so that who
 * is measured pays for sending and the machine for no more than receiving.
 *
 *     drain PATH
 *
 * It ends with the process that started it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	static char line[64 * 1024];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof at.sun_path || fd < 0)
		return 2;
	memcpy(at.sun_path, argv[1], strlen(argv[1]));
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || chmod(argv[1], 0666) < 0) {
		perror(argv[1]);
		return 1;
	}
	if (puts("ready") < 0 || fflush(stdout) != 0)
		return 1;
	for (;;)
		if (recv(fd, line, sizeof line, 0) < 0)
			return 1;
}
