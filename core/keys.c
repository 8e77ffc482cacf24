/* SPDX-License-Identifier: GPL-2.0-only */
/* Debug keys: typed on the serial line after three Ctrl-A, or sent by `xl debug-keys`. */
#include <hv/console.h>
#include <hv/log.h>

#define FIRST_KEY ' '
#define LAST_KEY '~'

static struct key {
    void (*fn)(char key);
    const char *what;
} keys[LAST_KEY - FIRST_KEY + 1];

void key_register(char key, const char *what, void (*fn)(char key))
{
    BUG_ON(key < FIRST_KEY || key > LAST_KEY || keys[key - FIRST_KEY].fn != NULL || key == 'h');
    keys[key - FIRST_KEY] = (struct key){ fn, what };
}

static void show_help(void)
{
    log_info("'h' pressed -> showing installed handlers");
    log_info(" key 'h' (ascii '68') => show this message");
    for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++)
        if (keys[i].fn != NULL)
            log_info(" key '%c' (ascii '%02x') => %s", FIRST_KEY + (int)i, FIRST_KEY + i,
                     keys[i].what);
}

void key_handle(char key)
{
    if (key == 'h') {
        show_help();
    } else if (key >= FIRST_KEY && key <= LAST_KEY && keys[key - FIRST_KEY].fn != NULL) {
        log_info("debug key '%c': %s", key, keys[key - FIRST_KEY].what);
        keys[key - FIRST_KEY].fn(key);
    } else {
        log_info("debug key '%c' does nothing; h lists those that do",
                 key >= FIRST_KEY && key <= LAST_KEY ? key : '?');
    }
}
