/*
 * sort.h: qsort() for what mostly is in order already.
 */
#ifndef PV_SORT_H
#define PV_SORT_H

#include <stddef.h>

/* The same as qsort(), of any count. Where nothing is to be moved it costs count - 1 comparisons and no
 * memory.
 */
void pv_sort(void *v, size_t count, size_t size, int (*compare)(const void *a, const void *b));

#endif
