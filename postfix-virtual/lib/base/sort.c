#include "base/sort.h"

void pv_sort(void *v, size_t count, size_t size, int (*compare)(const void *a, const void *b))
{
	const char *at = v;

	for (size_t i = 1; i < count; i++, at += size)
		if (compare(at, at + size) > 0) {
			qsort(v, count, size, compare);
			return;
		}
}
