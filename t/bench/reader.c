/*
 * reader.c: a process that starts, reads stdin to its end and ends. What every delivery
 * agent pays before it has done anything.
 */
#include <unistd.h>

int main(void)
{
	static char buffer[64 * 1024];
	ssize_t n;

	do
		n = read(STDIN_FILENO, buffer, sizeof buffer);
	while (n > 0);
	return n < 0 ? 75 : 0;
}
