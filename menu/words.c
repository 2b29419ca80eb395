/* SPDX-License-Identifier: ISC */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "menu/words.h"

static const char *const sentences[] = {
	[WORDS_Q_LEAVES] = "This is the first screen. q logs out.",
	[WORDS_NO_SHELL] = "There is no shell behind this menu. q logs out.",
	[WORDS_NO_PASTE] =
	    "What you pasted was not used: there is nothing to fill in here.",
	[WORDS_GUEST_LEFT] = "{guest} is no longer among your guests.",
	[WORDS_ASLEEP] =
	    "No key for 5 minutes: the figures stand still until the next.",
	[WORDS_TOO_SMALL] =
	    "This window is too small for the menu: it needs 40 columns and "
	    "12 lines. Make it larger; l goes on in line mode, q logs out.",
	[WORDS_TOO_BUSY] = "Too much at once. Wait a moment and try again.",
	[WORDS_AWAY] =
	    "Nothing was done: the service is away for a moment. Try again "
	    "when it is back.",

	[WORDS_LIST] = "Your guests",
	[WORDS_ASKING] = "Asking for your guests ...",
	[WORDS_NO_GUESTS] = "You have no guests on this host.",
	[WORDS_NO_GUESTS_SUPPORT] =
	    "You have no guests on this host. If that is wrong, ask {text}.",
	[WORDS_BACK] = "Enter: back to the console of {guest}",
	[WORDS_DENIED] = "not allowed for you",
	[WORDS_ALREADY_ON] = "it is on already",
	[WORDS_ALREADY_OFF] = "it is off",
	[WORDS_ALREADY_PAUSED] = "it is paused: u lets it run on",
	[WORDS_NOT_PAUSED] = "it is not paused",
	[WORDS_HAS_CRASHED] = "it crashed; t resets it",
	[WORDS_SAVED] = "it is saved; only the operator brings it back",
	[WORDS_UP] = ", up for {time}",
	[WORDS_UNDER_WAY] = ", {verb} is under way (w: watch)",
	[WORDS_ELSEWHERE] =
	    "Started by the operator: it is not restarted by itself.",
	[WORDS_NOT_NOW] = "{verb} of {guest}: {text}. Nothing was done.",
	[WORDS_CONSOLE_MEANS] = "use it; Ctrl-] leaves",
	[WORDS_VIEW_MEANS] = "its screen; you may only watch",
	[WORDS_START_MEANS] = "switch it on",
	[WORDS_SHUTDOWN_HINT] = "ask it to go off",
	[WORDS_DESTROY_HINT] = "pull the plug; your disk is kept",
	[WORDS_REBOOT_HINT] = "ask it to start again",
	[WORDS_RESET_HINT] = "pull the plug and start it again",
	[WORDS_PAUSE_HINT] = "hold it still as it is",
	[WORDS_UNPAUSE_HINT] = "let it run on",
	[WORDS_LOG_HINT] = "what its console has said",
	[WORDS_ACTIVITY_HINT] = "what was done to it",
	[WORDS_EXIT_FIRST] = "log out",
	[WORDS_EXIT_LIST] = "back to all guests",

	[WORDS_TITLE_SHUTDOWN] = "Shut down {guest}?",
	[WORDS_TITLE_REBOOT] = "Reboot {guest}?",
	[WORDS_TITLE_RESET] = "Reset {guest}?",
	[WORDS_TITLE_DESTROY] = "Destroy {guest}?",
	[WORDS_SHUTDOWN_MEANS] =
	    "It is asked to close its programs and to go off. Its disk is "
	    "kept.",
	[WORDS_REBOOT_MEANS] =
	    "It is asked to close its programs and to start again. Its disk "
	    "is kept.",
	[WORDS_UP_FOR] = "{guest} has been up for {time}.",
	[WORDS_NO_LEAVE] = "No, leave {guest} as it is",
	[WORDS_YES_SHUTDOWN] = "Yes, shut down {guest}",
	[WORDS_YES_REBOOT] = "Yes, reboot {guest}",
	[WORDS_ASK_DESTROY] =
	    "This pulls the plug of {guest}: it goes off at once and is not "
	    "asked. Your disk is kept, but what it has not written yet is "
	    "lost.",
	[WORDS_ASK_RESET] =
	    "This pulls the plug of {guest} and starts it again; it is not "
	    "asked. Your disk is kept, but what it has not written yet is "
	    "lost.",
	[WORDS_TYPE_NAME] =
	    "To do it, type {guest} and press Enter. Esc leaves {guest} as "
	    "it is.",
	[WORDS_WRONG_NAME] =
	    "That is not the name {guest}. Nothing was done.",
	[WORDS_NAME] = "Name: ",
	[WORDS_IS_OFF] = "{guest} is off by now. There is nothing to do.",
	[WORDS_OTHER_BOOT] =
	    "{guest} has rebooted since you asked. Nothing was done. Look at "
	    "it first and ask again.",
	[WORDS_GONE] =
	    "{guest} is no longer among your guests. Nothing was done.",

	[WORDS_DOING_START] = "Starting {guest}",
	[WORDS_DOING_SHUTDOWN] = "Shutting down {guest}",
	[WORDS_DOING_REBOOT] = "Rebooting {guest}",
	[WORDS_DOING_RESET] = "Pulling the plug of {guest} and starting it",
	[WORDS_DOING_DESTROY] = "Pulling the plug of {guest}",
	[WORDS_DOING_PAUSE] = "Pausing {guest}",
	[WORDS_DOING_UNPAUSE] = "Letting {guest} run on",
	[WORDS_ASKED] = "Asked for; waiting for the answer.",
	[WORDS_ELAPSED] = "for {time}",
	[WORDS_TOOK] = "after {time}",
	[WORDS_TIME_LEFT] = "{guest} has {time} left to go off.",
	[WORDS_TIME_OVER] = "Its time is over.",
	[WORDS_GOES_ON] = "The {verb} of {guest} goes on.",
	[WORDS_CANCELLING] = "Asking to cancel it.",
	[WORDS_DONE] = "Done: {verb} of {guest}.",
	[WORDS_NOT_DONE] = "{verb} of {guest} did not work.",
	[WORDS_FOREIGN] =
	    "Another session, or the host itself, has asked for it.",
	[WORDS_OVER] = "It is over: {guest} is {text} now.",
	[WORDS_OFFER_DESTROY] =
	    "If it hangs, D pulls the plug (destroy); your disk is kept.",
	[WORDS_LAST_LINES] = "Last lines of its console:",
	[WORDS_NO_LINES] = "Its console has said nothing yet.",

	[WORDS_ACTIVITY] = "Activity of all your guests",
	[WORDS_ACTIVITY_OF] = "Activity of {guest}",
	[WORDS_LOADING] = "Loading ...",
	[WORDS_NOT_LOADED] = "It could not be loaded. r tries again.",
	[WORDS_NO_ACTIVITY] = "Nothing was done to your guests lately.",
	[WORDS_NO_ACTIVITY_OF] = "Nothing was done to {guest} lately.",
	[WORDS_ACT_DONE] = "done",
	[WORDS_ACT_UNDER_WAY] = "under way",
	[WORDS_ACT_FAILED] = "not done[: {text}]",
	[WORDS_ACT_LINE] =
	    "{who} asked for {verb}[ of {guest}] on {time}[, from {from}]: "
	    "{text}[ after {took}].[ Ref {ref}.]",
	[WORDS_ACT_SYSTEM] =
	    "vpsh itself did {verb}[ of {guest}] on {time}: {text}[ after "
	    "{took}].[ Ref {ref}.]",

	[WORDS_LOG_OF] = "Log of {guest}",
	[WORDS_LOG_EMPTY] = "The console of {guest} has said nothing yet.",
	[WORDS_LOG_FOLLOWS] = "end, live",
	[WORDS_LOG_CUT] =
	    "Older lines are not shown here; log {guest} of line mode has "
	    "them.",
	[WORDS_LOG_GAP] =
	    "lines came too fast to be shown here; r loads them",
	[WORDS_SEARCH] = "Search: ",
	[WORDS_FOUND_NONE] = "\"{text}\" is nowhere in this log.",
	[WORDS_NO_OLDER] = "No older line has \"{text}\". N looks further on.",
	[WORDS_NO_NEWER] = "No newer line has \"{text}\". n looks further up.",

	[WORDS_PREFS] = "Settings",
	[WORDS_PREF_MODE] = "When you log in",
	[WORDS_PREF_MODE_MENU] = "menu",
	[WORDS_PREF_MODE_LINE] = "line mode",
	[WORDS_PREF_MODE_DEFAULT] = "{text}, as the host",
	[WORDS_PREF_MODE_MEANS] =
	    "What you see first. Line mode is typed commands and never "
	    "redraws: for screen readers, phones and slow lines.",
	[WORDS_PREF_ESCAPE] = "Ctrl-Q 3 times",
	[WORDS_PREF_ESCAPE_ON] = "leaves a console",
	[WORDS_PREF_ESCAPE_OFF] = "goes to the guest",
	[WORDS_PREF_ESCAPE_MEANS] =
	    "A second way out of a console, for keyboards on which Ctrl-] is "
	    "hard to type. Ctrl-] always leaves.",
	[WORDS_PREF_ZONE] = "Time zone",
	[WORDS_PREF_ZONE_HOST] = "as the host",
	[WORDS_PREF_ZONE_MEANS] =
	    "Like Europe/Berlin or UTC; empty: as the host. By your zone it "
	    "is {time}.",
	[WORDS_PREF_LINE] = "Line mode now",
	[WORDS_PREF_LINE_MEANS] =
	    "Go on in line mode, this time only; type menu to come back.",
	[WORDS_PREF_SAVING] = "Saving ...",
	[WORDS_PREF_SAVED] = "Saved",

	[WORDS_HELP] = "Help",
};

_Static_assert(sizeof(sentences) / sizeof(sentences[0]) == WORDS_COUNT,
    "every sentence is there");

struct pen {
	char	*at;
	size_t	 left;	/* with the NUL */
};

static void
pen_put(struct pen *pen, const char *s, size_t len)
{
	if (len >= pen->left)
		len = pen->left - 1;
	memcpy(pen->at, s, len);
	pen->at += len;
	pen->left -= len;
	*pen->at = '\0';
}

/* The value of {name}; NULL: it is not given. */
static const char *
value_of(const char *name, size_t len, const struct words_args *args,
    char number[24])
{
	const struct {
		const char *name;
		const char *value;
	} values[] = {
		{ "guest", args->guest },
		{ "who", args->who },
		{ "verb", args->verb },
		{ "time", args->time },
		{ "from", args->from },
		{ "took", args->took },
		{ "ref", args->ref },
		{ "text", args->text },
		{ "number", number },
	};
	size_t i;

	snprintf(number, 24, "%lld", args->number);
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (strlen(values[i].name) == len &&
		    memcmp(values[i].name, name, len) == 0)
			return values[i].value != NULL &&
				*values[i].value != '\0' ?
			    values[i].value :
			    NULL;
	return NULL;
}

/* Write from up to end; false when something mentioned is not given. */
static bool
pen_template(struct pen *pen, const char *from, const char *end,
    const struct words_args *args)
{
	const char *open, *close, *value;
	char number[24];
	bool whole = true;

	while (from < end) {
		open = memchr(from, '{', (size_t)(end - from));
		if (open == NULL)
			open = end;
		pen_put(pen, from, (size_t)(open - from));
		if (open == end)
			break;
		close = memchr(open, '}', (size_t)(end - open));
		if (close == NULL)
			return false;
		value = value_of(open + 1, (size_t)(close - open - 1), args,
		    number);
		if (value != NULL)
			pen_put(pen, value, strlen(value));
		else
			whole = false;
		from = close + 1;
	}
	return whole;
}

const char *
words_fill(char dst[WORDS_TEXT], enum words_id id,
    const struct words_args *args)
{
	const char *from = sentences[id], *open, *close;
	struct pen pen = { dst, WORDS_TEXT }, before;

	*dst = '\0';
	while ((open = strchr(from, '[')) != NULL &&
	    (close = strchr(open, ']')) != NULL) {
		pen_template(&pen, from, open, args);
		before = pen;
		if (!pen_template(&pen, open + 1, close, args)) {
			pen = before;
			*pen.at = '\0';
		}
		from = close + 1;
	}
	pen_template(&pen, from, from + strlen(from), args);
	return dst;
}

const char *
words_plain(enum words_id id)
{
	return sentences[id];
}
