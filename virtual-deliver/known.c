/*
 * known.c: what the kernel has told this process already. It has one thread, and never becomes anybody else;
 * so two questions need no system call. Only the static build has it (the Makefile).
 */
#include <sys/auxv.h>
#include <unistd.h>

/* musl keeps the number of each thread, and a child's after fork(). */
pid_t getpid(void)
{
	return gettid();
}

uid_t geteuid(void)
{
	return (uid_t)getauxval(AT_EUID);
}
