/*
 * peak.c: the peak resident memory of a command, in KiB, exactly.
 *
 *     peak COMMAND [ARGUMENT...] < message
 *
 * The kernel's own ru_maxrss is kept per processor and rounded: of a small program it says 0. So this
 * stops the command at its exit and takes the larger of that and the Rss that smaps_rollup counts
 * page by page. (Memory that a large program gave back before its exit is in ru_maxrss.)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static long resident_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", (long)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "Rss: %ld kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static int child(char **argv)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	execv(argv[0], argv);
	perror(argv[0]);
	return 127;
}

/* Let the child run to its end; returns what it was at its exit. */
static long watch(pid_t pid, int *status, struct rusage *r)
{
	long kib = 0;

	while (wait4(pid, status, 0, r) == pid && WIFSTOPPED(*status)) {
		int sig = WSTOPSIG(*status);

		if (*status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXIT << 8)))
			kib = resident_kib(pid);
		if (sig == SIGTRAP)
			sig = 0;
		ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(long)PTRACE_O_TRACEEXIT);
		ptrace(PTRACE_CONT, pid, NULL, (void *)(long)sig);
	}
	return kib;
}

int main(int argc, char **argv)
{
	struct rusage r;
	int status = 0;
	pid_t pid;
	long kib;

	if (argc < 2)
		return 2;
	pid = fork();
	if (pid < 0)
		return 1;
	if (pid == 0)
		return child(argv + 1);
	kib = watch(pid, &status, &r);
	printf("%ld\n", kib > r.ru_maxrss ? kib : r.ru_maxrss);
	return fflush(stdout) == 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
