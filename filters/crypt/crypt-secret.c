/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See crypt-secret.h.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <nbdkit-filter.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "crypt-secret.h"
#include "xts/xts.h"

/* As cryptsetup has it. */
#define MOST (8 * 1024 * 1024)

/* Twice the room. */
static bool
grow (struct secret *s)
{
  struct secret larger;

  if (s->capacity >= MOST) {
    errno = EFBIG;
    return false;
  }
  if (!secret_init (&larger, 2 * s->capacity))
    return false;
  memcpy (larger.bytes, s->bytes, s->size);
  larger.size = s->size;
  secret_fini (s);
  *s = larger;
  return true;
}

/* To the end.  False with errno. */
static bool
read_all (int fd, struct secret *s)
{
  for (;;) {
    ssize_t n;

    if (s->size == s->capacity && !grow (s))
      return false;
    n = read (fd, s->bytes + s->size, s->capacity - s->size);
    if (n == 0)
      return true;
    if (n == -1 && errno != EINTR)
      return false;
    if (n > 0)
      s->size += (size_t) n;
  }
}

static int
read_fd (const char *key, const char *what, int fd, struct secret *s)
{
  if (!secret_init (s, 1) || !read_all (fd, s)) {
    log_error ("%s: reading %s: %m", key, what);
    secret_fini (s);
    return -1;
  }
  if (s->size == 0) {
    log_error ("%s: %s is empty", key, what);
    secret_fini (s);
    return -1;
  }
  return 0;
}

int
crypt_secret_read_file (const char *key, const char *path, struct secret *s)
{
  CLEANUP_CLOSE int fd = open (path, O_RDONLY | O_CLOEXEC);

  if (fd == -1) {
    log_error ("%s: %s: %m", key, path);
    return -1;
  }
  return read_fd (key, path, fd, s);
}

/* nbdkit asks, with nothing shown. */
static int
read_terminal (const char *key, struct secret *s)
{
  char *text;
  size_t n;
  int r = -1;

  if (nbdkit_read_password ("-", &text) == -1)
    return -1;
  n = strlen (text);
  if (n == 0)
    log_error ("%s: nothing was entered", key);
  else if (!secret_init (s, n))
    log_error ("%s: no memory for it", key);
  else {
    memcpy (s->bytes, text, n);
    s->size = n;
    r = 0;
  }
  explicit_bzero (text, n);
  free (text);
  return r;
}

int
crypt_secret_read (const char *key, const char *value, struct secret *s)
{
  if (value[0] == '+')
    return crypt_secret_read_file (key, value + 1, s);
  if (strcmp (value, "-") == 0) {
    if (!nbdkit_stdio_safe ()) {
      log_error ("%s=-: nbdkit uses the standard input for something else",
                 key);
      return -1;
    }
    return isatty (STDIN_FILENO) ?
             read_terminal (key, s) :
             read_fd (key, "the standard input", STDIN_FILENO, s);
  }
  if (value[0] == '-') {
    int fd;

    if (nbdkit_parse_int (key, value + 1, &fd) == -1)
      return -1;
    if (fd <= STDERR_FILENO) {
      log_error ("%s=%s: must be a file descriptor above 2", key, value);
      return -1;
    }
    {
      CLEANUP_CLOSE int owned = fd;

      return read_fd (key, value, owned, s);
    }
  }
  log_error ("%s: must be -, +FILE or -FD: everybody can see the command line",
             key);
  return -1;
}

void
crypt_secret_first_line (struct secret *s)
{
  const uint8_t *end = memchr (s->bytes, '\n', s->size);

  if (end != NULL)
    s->size = (size_t) (end - s->bytes);
}

/* -1 if it is none. */
static int
hex_digit (uint8_t c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

static bool
is_hex (const struct secret *s, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    if (hex_digit (s->bytes[i]) == -1)
      return false;
  }
  return true;
}

bool
crypt_secret_to_key (struct secret *s)
{
  const bool has_end = s->size > 0 && s->bytes[s->size - 1] == '\n';
  const size_t n = s->size - has_end;

  if ((n == 2 * XTS_KEY_SIZE_128 || n == 2 * XTS_KEY_SIZE_256) &&
      is_hex (s, n)) {
    for (size_t i = 0; i < n / 2; i++)
      s->bytes[i] = (uint8_t) (hex_digit (s->bytes[2 * i]) << 4 |
                               hex_digit (s->bytes[2 * i + 1]));
    explicit_bzero (s->bytes + n / 2, s->size - n / 2);
    s->size = n / 2;
  }
  return s->size == XTS_KEY_SIZE_128 || s->size == XTS_KEY_SIZE_256;
}
