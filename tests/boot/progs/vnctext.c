/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads a text screen over VNC: takes one picture and prints, line by line, the characters whose
 * glyphs in the VGA BIOS's font the cells show. What is no glyph is a '?'.
 *
 *   vnctext PORT VGABIOS    of 127.0.0.1; the font of 8x16 is found in the BIOS's file
 *
 * RFC 6143 "The Remote Framebuffer Protocol", version 3.8, security type None, raw encoding.
 */
#define _GNU_SOURCE /* memmem() */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GLYPH 16
#define MAX_WIDTH 800
#define MAX_HEIGHT 640

static uint8_t font[256][GLYPH];
static uint32_t screen[MAX_HEIGHT][MAX_WIDTH];
static unsigned int width, height;
static int fd;

static void die(const char *why)
{
    printf("vnctext: %s\n", why);
    exit(1);
}

/* --- the font --------------------------------------------------------------------------------- */

static void load_font(const char *name)
{
    static const uint8_t letter_a[GLYPH] = {
        0, 0, 0x10, 0x38, 0x6c, 0xc6, 0xc6, 0xfe, 0xc6, 0xc6, 0xc6, 0xc6, 0, 0, 0, 0
    };
    static uint8_t bios[65536];
    FILE *f = fopen(name, "rb");
    const uint8_t *a;
    size_t n;

    if (!f)
        die("no such BIOS");
    n = fread(bios, 1, sizeof(bios), f);
    fclose(f);
    a = memmem(bios, n, letter_a, GLYPH);
    if (!a || a < bios + 'A' * GLYPH || a + (256 - 'A') * GLYPH > bios + n)
        die("no font in the BIOS");
    memcpy(font, a - 'A' * GLYPH, sizeof(font));
}

/* --- the protocol ----------------------------------------------------------------------------- */

static void get(void *buf, size_t n)
{
    for (size_t done = 0; done < n;) {
        const ssize_t got = read(fd, (char *)buf + done, n - done);

        if (got <= 0)
            die("the server hung up");
        done += (size_t)got;
    }
}

static void put(const void *buf, size_t n)
{
    if (write(fd, buf, n) != (ssize_t)n)
        die("cannot write to the server");
}

static void skip(size_t n)
{
    char c;

    while (n--)
        get(&c, 1);
}

static uint16_t get16(void)
{
    uint8_t b[2];

    get(b, sizeof(b));
    return (uint16_t)(b[0] << 8 | b[1]);
}

static uint32_t get32(void)
{
    const uint32_t high = get16();

    return high << 16 | get16();
}

static void greet(int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    /* 32 bits a pixel, depth 24, little-endian, true colour; then: raw encoding */
    static const uint8_t format[20] = {
        0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0
    };
    static const uint8_t encoding[8] = { 2, 0, 0, 1, 0, 0, 0, 0 };
    char version[12];
    uint8_t types;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
        die("nobody listens");
    get(version, sizeof(version));
    put("RFB 003.008\n", 12);
    get(&types, 1);
    skip(types);
    put("\1", 1); /* None */
    if (get32() != 0)
        die("the server wants a password");
    put("\1", 1); /* shared */
    width = get16();
    height = get16();
    skip(16);
    skip(get32());
    put(format, sizeof(format));
    put(encoding, sizeof(encoding));
}

static void rectangle(void)
{
    const unsigned int x = get16(), y = get16(), w = get16(), h = get16();

    if (get32() != 0 || x + w > MAX_WIDTH || y + h > MAX_HEIGHT)
        die("a rectangle that was not asked for");
    for (unsigned int i = 0; i < h; i++)
        get(&screen[y + i][x], w * sizeof(uint32_t));
}

/* The whole screen, once. */
static void take_picture(void)
{
    const uint8_t ask[10] = { 3, 0, 0, 0, 0, 0, (uint8_t)(width >> 8), (uint8_t)width,
                              (uint8_t)(height >> 8), (uint8_t)height };
    uint8_t type;

    if (width > MAX_WIDTH || height > MAX_HEIGHT)
        die("the screen is too large for text");
    put(ask, sizeof(ask));
    for (;;) {
        get(&type, 1);
        if (type == 0)
            break;
        if (type != 3) /* but for cut text, there is nothing else that it may send */
            die("an unexpected message");
        skip(3);
        skip(get32());
    }
    skip(1);
    for (unsigned int n = get16(); n; n--)
        rectangle();
}

/* --- text ------------------------------------------------------------------------------------- */

/* The cell's left 8 columns as a glyph: what is not the colour of the corner is set. */
static char read_cell(unsigned int x, unsigned int y)
{
    uint8_t glyph[GLYPH] = { 0 };

    for (unsigned int i = 0; i < GLYPH; i++)
        for (unsigned int k = 0; k < 8; k++)
            glyph[i] |= (uint8_t)((screen[y + i][x + k] != screen[y][x]) << (7 - k));
    for (int c = ' '; c < 127; c++)
        if (!memcmp(font[c], glyph, GLYPH))
            return (char)c;
    return '?';
}

static void print_text(void)
{
    const unsigned int cell = width % 9 == 0 ? 9 : 8;

    for (unsigned int y = 0; y + GLYPH <= height; y += GLYPH) {
        char line[MAX_WIDTH / 8 + 1];
        unsigned int n = 0, end = 0;

        for (unsigned int x = 0; x + cell <= width; x += cell) {
            line[n++] = read_cell(x, y);
            if (line[n - 1] != ' ')
                end = n;
        }
        line[end] = '\0';
        puts(line);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage: vnctext PORT VGABIOS");
    load_font(argv[2]);
    greet(atoi(argv[1]));
    take_picture();
    print_text();
    return 0;
}
