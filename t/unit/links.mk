WRAP_buffer = realloc
WRAP_clock = nanosleep
