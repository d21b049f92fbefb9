/*
 * texts.h: what is said to users, in English and Danish. RFC 1939 knows ASCII only, so the Danish does
 * without the three letters that are not.
 */
#ifndef VP_TEXTS_H
#define VP_TEXTS_H

#define VP_TEXT_UNAVAILABLE "[SYS/TEMP] The server cannot serve you now; try again later"
#define VP_TEXT_TOO_MANY_SESSIONS "[SYS/TEMP] Too many connections from your address"
#define VP_TEXT_TOO_MANY_TRIES "[SYS/TEMP] Too many wrong passwords from your address; try again later"
#define VP_TEXT_WRONG "[AUTH] Wrong user name or password"
#define VP_TEXT_IN_USE "[IN-USE] The mailbox is in use by another session or program"
#define VP_TEXT_DELAY "[LOGIN-DELAY] Your last login was too short a time ago"
#define VP_TEXT_MAILBOX "[SYS/TEMP] The mailbox cannot be opened now"
#define VP_TEXT_PERMANENT "[SYS/PERM] Something on the server must be mended first; ask its postmaster"
#define VP_TEXT_CHANGED "[SYS/TEMP] Another program has changed the mailbox; log in again"
#define VP_TEXT_NOT_REMOVED "[SYS/TEMP] Some deleted messages were not removed"
#define VP_TEXT_BAD_LINE "The command is too long or holds characters that no command has"
#define VP_TEXT_BAD_ARGUMENTS "Invalid arguments"
#define VP_TEXT_NO_MESSAGE "No such message"
#define VP_TEXT_IS_DELETED "Message has been deleted"
#define VP_TEXT_UNKNOWN_COMMAND "Invalid command"
#define VP_TEXT_WRONG_STATE "Incorrect state"
#define VP_TEXT_TLS_FIRST "Begin TLS first, by STLS"
#define VP_TEXT_NO_APOP "APOP is not offered here"

/* The text in the language (`en`, `da`): one of the above, or another that GNU pop3d says; as it is where it
 * is not known. */
const char *vp_text(const char *language, const char *english);

#endif
