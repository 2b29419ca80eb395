/* SPDX-License-Identifier: ISC */
#include "menu/keys.h"
#include "menu/scroll.h"

/* How far a key goes, up being negative; 0: not one of these keys. */
static int64_t
distance(uint32_t key, size_t n, size_t page)
{
	switch (key) {
	case KEYS_UP:
	case 'k':
		return -1;
	case KEYS_DOWN:
	case 'j':
		return 1;
	case KEYS_WHEEL_UP:
		return -SCROLL_WHEEL;
	case KEYS_WHEEL_DOWN:
		return SCROLL_WHEEL;
	case KEYS_PAGE_UP:
	case KEYS_CTRL('b'):
	case 'b':
		return page > 1 ? -(int64_t)page + 1 : -1;
	case KEYS_PAGE_DOWN:
	case KEYS_CTRL('f'):
	case ' ':
		return page > 1 ? (int64_t)page - 1 : 1;
	case KEYS_HOME:
	case 'g':
		return -(int64_t)n - 1;
	case KEYS_END:
	case 'G':
		return (int64_t)n + 1;
	default:
		return 0;
	}
}

static size_t
moved(size_t at, int64_t by, size_t last)
{
	if (by < 0)
		return (uint64_t)-by > at ? 0 : at - (size_t)-by;
	return (uint64_t)by > last || at + (size_t)by > last ? last :
							       at + (size_t)by;
}

void
scroll_fit(struct scroll *scroll, size_t n, size_t page)
{
	if (page == 0)
		page = 1;
	if (scroll->at >= n)
		scroll->at = n > 0 ? n - 1 : 0;
	if (scroll->top + page > n)
		scroll->top = n > page ? n - page : 0;
	if (scroll->at < scroll->top)
		scroll->top = scroll->at;
	if (scroll->at >= scroll->top + page)
		scroll->top = scroll->at - page + 1;
}

bool
scroll_key(struct scroll *scroll, uint32_t key, size_t n, size_t page)
{
	int64_t by = distance(key, n, page);

	if (by == 0)
		return false;
	scroll->at = moved(scroll->at, by, n > 0 ? n - 1 : 0);
	scroll_fit(scroll, n, page);
	return true;
}

bool
scroll_text_key(struct scroll *scroll, uint32_t key, size_t n, size_t page)
{
	int64_t by = distance(key, n, page);

	if (by == 0)
		return false;
	scroll->top = moved(scroll->top, by, n > page ? n - page : 0);
	scroll->at = scroll->top;
	return true;
}
