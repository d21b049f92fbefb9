#include "hooks.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>

struct vp_real vp_real;

/* The dynamic section of the program: where its table of imported names is. */
struct imports {
	const ElfW(Sym) * symbols;
	const char *names;
	const ElfW(Rela) * tables[2]; /* what is bound at the start, and at the first call */
	size_t counts[2];
};

static struct imports read_imports(const struct link_map *program)
{
	struct imports im = { 0 };

	for (const ElfW(Dyn) *d = program->l_ld; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			im.symbols = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_STRTAB)
			im.names = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_RELA)
			im.tables[0] = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_RELASZ)
			im.counts[0] = d->d_un.d_val / sizeof(ElfW(Rela));
		else if (d->d_tag == DT_JMPREL)
			im.tables[1] = (const void *)d->d_un.d_ptr;
		else if (d->d_tag == DT_PLTRELSZ)
			im.counts[1] = d->d_un.d_val / sizeof(ElfW(Rela));
	}
	return im;
}

static bool imports(const struct imports *im, const char *name)
{
	if (im->symbols == NULL || im->names == NULL)
		return false;
	for (size_t t = 0; t < 2; t++)
		for (size_t i = 0; im->tables[t] != NULL && i < im->counts[t]; i++) {
			const ElfW(Sym) *s = &im->symbols[ELF64_R_SYM(im->tables[t][i].r_info)];
			if (s->st_shndx == SHN_UNDEF && strcmp(im->names + s->st_name, name) == 0)
				return true;
		}
	return false;
}

/* libmailutils, as it was loaded; NULL: it was not. */
static const struct link_map *find_library(const struct link_map *program)
{
	static const char name[] = "/libmailutils.so.9";
	const size_t len = sizeof name - 1;

	for (const struct link_map *l = program; l != NULL; l = l->l_next) {
		size_t size = strlen(l->l_name);
		if (size >= len && strcmp(l->l_name + size - len, name) == 0)
			return l;
	}
	return NULL;
}

/* Where a function is looked for, and where the real one goes. */
struct wanted {
	const char *name;
	size_t offset; /* in vp_real */
};
#define VP_WANTED(f) { #f, offsetof(struct vp_real, f) },
static const struct wanted of_program[] = { VP_PROGRAM_HOOKS(VP_WANTED) };
static const struct wanted of_library[] = { VP_LIBRARY_HOOKS(VP_WANTED) };
static const struct wanted of_tls[] = { VP_TLS_FUNCTIONS(VP_WANTED) };

/* Find the real functions. im: who must import them; NULL: nobody. The name of the first that is missing. */
static const char *find(const struct wanted *w, size_t count, const struct imports *im)
{
	for (size_t i = 0; i < count; i++) {
		/* It returns an object pointer, which C does not let become a function's. */
		void *p = dlsym(RTLD_NEXT, w[i].name);
		memcpy((char *)&vp_real + w[i].offset, &p, sizeof p);
		if (p == NULL || (im != NULL && !imports(im, w[i].name)))
			return w[i].name;
	}
	return NULL;
}

const char *vp_hooks_find(void)
{
	struct link_map *program = dlopen(NULL, RTLD_LAZY);

	if (program == NULL)
		return "the program";
	const struct link_map *library = find_library(program);
	if (library == NULL)
		return "libmailutils.so.9";
	struct imports by_program = read_imports(program), by_library = read_imports(library);
	const char *missing = find(of_program, sizeof of_program / sizeof *of_program, &by_program);
	if (missing == NULL)
		missing = find(of_library, sizeof of_library / sizeof *of_library, &by_library);
	if (missing == NULL)
		missing = find(of_tls, sizeof of_tls / sizeof *of_tls, NULL);
	return missing;
}
