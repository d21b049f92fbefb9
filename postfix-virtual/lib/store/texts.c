#include "store/texts.h"

#include <unistd.h>

static const struct {
	const char *name;
	const char *vpopmail; /* its file in a domain's folder; NULL: it has none */
	const char *en, *da;
} texts[] = {
	[PV_TEXT_NO_USER] = { "no-user", ".no-user.msg", "no such user here", "den bruger findes ikke her" },
	[PV_TEXT_CLOSED] = { "closed", NULL, "Mail cannot be fetched from this mailbox",
			     "Der kan ikke hentes post fra denne postkasse" },
	[PV_TEXT_NO_MAIL] = { "no-mail", NULL, "this mailbox takes no mail",
			      "denne postkasse modtager ikke post" },
	[PV_TEXT_EXPIRED] = { "expired", NULL, "this address is no longer in use",
			      "denne adresse bruges ikke længere" },
	[PV_TEXT_OVER_QUOTA] = { "over-quota", ".over-quota.msg", "the mailbox is full",
				 "postkassen er fuld" },
	[PV_TEXT_TOO_LARGE] = { "too-large", NULL, "the message is larger than this mailbox takes",
				"beskeden er større, end denne postkasse modtager" },
	[PV_TEXT_WARNING] = { "warning", NULL,
			      "Your mailbox %u@%d is %p percent full.\n"
			      "\n"
			      "When it is full, it takes no more mail: what is sent to you waits then,\n"
			      "and goes back to the sender in the end.\n"
			      "Please delete or fetch what you do not need there.\n",
			      "Din postkasse %u@%d er %p procent fuld.\n"
			      "\n"
			      "Når den er helt fuld, modtager den ikke mere post: det, der sendes til dig,\n"
			      "venter så og går til sidst tilbage til afsenderen.\n"
			      "Slet eller hent det, som du ikke har brug for dér.\n" },
	[PV_TEXT_WARNING_DOMAIN] = { "warning-domain", NULL,
				     "The mailboxes of %d together are %p percent full.\n"
				     "\n"
				     "When they are full, yours takes no more mail: what is sent to you "
				     "waits\n"
				     "then, and goes back to the sender in the end.\n"
				     "Please delete or fetch what you do not need in it.\n",
				     "Postkasserne i %d er tilsammen %p procent fulde.\n"
				     "\n"
				     "Når de er helt fulde, modtager din ikke mere post: det, der sendes til "
				     "dig,\n"
				     "venter så og går til sidst tilbage til afsenderen.\n"
				     "Slet eller hent det, som du ikke har brug for i den.\n" },
	[PV_TEXT_NO_ROOM] = { "no-room", NULL,
			      "A message for %u@%d did not fit into the room that is left: %p percent are "
			      "in use.\n"
			      "\n"
			      "It waits, or went back to its sender, and so will others that do not fit.\n"
			      "Please delete or fetch what you do not need in your mailbox.\n",
			      "Der var ikke plads til en besked til %u@%d: %p procent af pladsen er "
			      "brugt.\n"
			      "\n"
			      "Den venter eller er gået tilbage til afsenderen, og det samme sker med "
			      "andre,\n"
			      "der ikke er plads til.\n"
			      "Slet eller hent det, som du ikke har brug for i din postkasse.\n" },
	[PV_TEXT_VACATION] = { "vacation", NULL,
			       "Subject: I am away\n"
			       "MIME-Version: 1.0\n"
			       "Content-Type: text/plain; charset=utf-8\n"
			       "Content-Transfer-Encoding: 8bit\n"
			       "\n"
			       "Your message to %u@%d has arrived. I am away and will read it when I am "
			       "back.\n",
			       "Subject: Automatisk svar\n"
			       "MIME-Version: 1.0\n"
			       "Content-Type: text/plain; charset=utf-8\n"
			       "Content-Transfer-Encoding: 8bit\n"
			       "\n"
			       "Din besked til %u@%d er kommet frem. Jeg er væk og læser den, når jeg er "
			       "tilbage.\n" },
};

const char *pv_text_name(enum pv_text t)
{
	return texts[t].name;
}

const char *pv_text_language(const struct pv_store *s, const char *own)
{
	return *own != '\0' ? own : s->conf.language;
}

/* Is it worth saying? A NUL is what a power cut leaves. */
static bool is_text(const struct pv_buf *b)
{
	return memchr(b->s, '\0', b->len) == NULL && strspn(b->s, " \t\r\n") < b->len;
}

/* messages/ itself is looked at only when the file is there. */
static bool is_folder_trusted(int dirfd, const struct pv_trust *trust)
{
	int fd = -1;

	bool trusted = pv_dir_open(dirfd, "messages", trust, &fd, NULL, NULL) == PV_OK && fd >= 0;
	if (fd >= 0)
		(void)close(fd);
	return trusted;
}

static bool load(int dirfd, const struct pv_trust *trust, enum pv_text t, const char *language,
		 struct pv_buf *b)
{
	char name[sizeof "messages/warning-domain.en"];
	bool found;

	(void)snprintf(name, sizeof name, "messages/%s.%.2s", texts[t].name, language);
	if (pv_file_load(dirfd, name, trust, b, &found, NULL) == PV_OK && found && is_text(b) &&
	    is_folder_trusted(dirfd, trust))
		return true;
	pv_buf_reset(b);
	if (texts[t].vpopmail != NULL &&
	    pv_file_load(dirfd, texts[t].vpopmail, trust, b, &found, NULL) == PV_OK && found && is_text(b))
		return true;
	pv_buf_reset(b);
	return false;
}

/* A word may be what a sender made up. */
static void add_word(struct pv_buf *out, const char *word)
{
	for (; word != NULL && *word != '\0'; word++)
		pv_buf_addc(out, (unsigned char)*word < 0x20 || *word == 0x7f ? '?' : *word);
}

static void add_text(struct pv_buf *out, const char *text, const struct pv_text_words *words)
{
	static const struct pv_text_words none = { NULL, NULL, NULL };
	const struct pv_text_words *w = words != NULL ? words : &none;
	const char *percent;

	for (; (percent = strchr(text, '%')) != NULL; text = percent + 2) {
		pv_buf_add(out, text, (size_t)(percent - text));
		switch (percent[1]) {
		case 'u':
			add_word(out, w->user);
			break;
		case 'd':
			add_word(out, w->domain);
			break;
		case 'p':
			add_word(out, w->number);
			break;
		case '%':
			pv_buf_addc(out, '%');
			break;
		default:
			pv_buf_addc(out, '%');
			percent--;
			break;
		}
	}
	pv_buf_adds(out, text);
}

bool pv_text_load_raw(const struct pv_store *s, const struct pv_folder *f, enum pv_text t,
		      const char *language, struct pv_buf *out)
{
	struct pv_buf own = PV_BUF_INIT(PV_TEXT_MAX);

	bool found = (f != NULL && load(f->fd, &f->trust, t, language, &own)) ||
		     (s != NULL && load(s->dirfd, &s->trust, t, language, &own));
	pv_buf_adds(out, found ? own.s : strcmp(language, "da") == 0 ? texts[t].da : texts[t].en);
	pv_buf_free(&own);
	return found;
}

bool pv_text_load(const struct pv_store *s, const struct pv_folder *f, enum pv_text t, const char *language,
		  const struct pv_text_words *words, struct pv_buf *out)
{
	struct pv_buf raw = PV_BUF_INIT(PV_TEXT_MAX);

	bool found = pv_text_load_raw(s, f, t, language, &raw);
	add_text(out, raw.s, words);
	pv_buf_free(&raw);
	return found;
}

/* The letters of Danish in ASCII. Returns how many bytes of s were read, 0: it is none of them. */
static size_t spell_out(const char *s, const char **letters_r)
{
	static const struct {
		const char *utf8, *ascii;
	} table[] = {
		{ "æ", "ae" }, { "ø", "oe" }, { "å", "aa" }, { "Æ", "Ae" }, { "Ø", "Oe" }, { "Å", "Aa" }
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strncmp(s, table[i].utf8, 2) == 0) {
			*letters_r = table[i].ascii;
			return 2;
		}
	return 0;
}

/* Put text to line, whose last byte becomes a NUL. */
static void put_line(const char *text, char *line, size_t size)
{
	size_t at = 0;

	while (*text != '\0' && at + 1 < size) {
		char one[2] = { *text, '\0' };
		const char *letters = one;
		size_t n = spell_out(text, &letters);
		if (strchr("\r\n", *text) != NULL) {
			text += strspn(text, " \t\r\n");
			if (at == 0 || *text == '\0')
				continue;
			while (at > 0 && line[at - 1] == ' ')
				at--;
			one[0] = ' ';
		} else {
			text += n > 0 ? n : 1;
		}
		while (*letters != '\0' && at + 1 < size)
			line[at++] = *letters++;
	}
	line[at] = '\0';
	pv_printable(line, at);
}

void pv_text_raw_line(const char *raw, const struct pv_text_words *words, char *line, size_t size)
{
	struct pv_buf text = PV_BUF_INIT(2 * PV_TEXT_MAX);

	add_text(&text, raw, words);
	put_line(text.s, line, size);
	pv_buf_free(&text);
}

void pv_text_line(const struct pv_store *s, const struct pv_folder *f, enum pv_text t, const char *language,
		  const struct pv_text_words *words, char *line, size_t size)
{
	struct pv_buf raw = PV_BUF_INIT(PV_TEXT_MAX);

	(void)pv_text_load_raw(s, f, t, language, &raw);
	pv_text_raw_line(raw.s, words, line, size);
	pv_buf_free(&raw);
}
