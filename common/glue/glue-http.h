/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parameters of plugins that read from HTTP servers, with the names
 * that nbdkit-curl-plugin(1) has for them.
 */

#ifndef DISKSTACK_GLUE_HTTP_H
#define DISKSTACK_GLUE_HTTP_H

#include <stdbool.h>

#include "http/http-client.h"

/* Starts as zeroes. */
struct glue_http {
  unsigned given; /* which ones */
  struct http_client_options o;
  char **copies; /* strings that are owned */
  unsigned ncopies;
  const char **header, **header_file, **resolve;
};

/* clang-format off */
#define GLUE_HTTP_HELP                                                         \
  "user=<USER>           Log in as this user.\n"                               \
  "password=<PASSWORD>   With this password; -, +FILE and -FD read it.\n"      \
  "cookie=<COOKIE>       Send this cookie; -, +FILE and -FD read it.\n"        \
  "cookiefile=<FILENAME> Send the cookies in this file.\n"                     \
  "header=<HEADER>       Send this header; +FILE reads some; repeatable.\n"    \
  "user-agent=<AGENT>    Send this user agent.\n"                              \
  "proxy=<PROXY>         Go through this proxy.\n"                             \
  "proxy-user=<USER>     Log in to the proxy as this user.\n"                  \
  "proxy-password=<PASSWORD>\n"                                                \
  "                      With this password; -, +FILE and -FD read it.\n"      \
  "unix-socket-path=<FILENAME>\n"                                              \
  "                      Connect to this socket instead.\n"                    \
  "ipresolve=any|v4|v6   Use only such addresses.\n"                           \
  "resolve=<HOST>:<PORT>:<ADDRESS>\n"                                          \
  "                      Connect there for that host; repeatable.\n"           \
  "followlocation=false  Do not follow redirects.\n"                           \
  "protocols=<P>,<P>...  Use only these protocols: http, https.\n"             \
  "tcp-keepalive=false   Do not ask servers that are silent if they live.\n"   \
  "tcp-nodelay=false     Let the system wait before it sends.\n"               \
  "http-version=<V>      none, 1.0, 1.1, 2.0, 2TLS or 2-prior-knowledge.\n"    \
  "connections=<N>       At most so many connections.\n"                       \
  "timeout=<SECONDS>     What is silent for so long is tried again.\n"         \
  "retries=<N>           So often.\n"                                          \
  "ssl-version=<V>       The oldest TLS: tlsv1.0 to tlsv1.3, or default.\n"    \
  "ssl-cipher-list=<C>   The ciphers for TLS up to 1.2.\n"                     \
  "tls13-ciphers=<C>     Those for TLS 1.3.\n"                                 \
  "sslcert=<FILENAME>    The certificate that says who we are.\n"              \
  "sslkey=<FILENAME>     Its key.\n"                                           \
  "sslkey-password=<PASSWORD>\n"                                               \
  "                      The password of the key; -, +FILE and -FD read it.\n" \
  "cainfo=<FILENAME>     Certificates that vouch for servers.\n"               \
  "capath=<DIRECTORY>    The same, in a folder of hashed names.\n"             \
  "sslverify=false       Do not check who the server is.\n"                     \
  "unversioned=true      Serve files that no version is told of, too."
/* clang-format on */

/* Begin with what the environment says. */
extern void glue_http_init (struct glue_http *h);

/* For .config.  Returns 1 if the key is one of these, 0 if not, -1 after
 * nbdkit_error.
 */
extern int glue_http_config (struct glue_http *h, const char *key,
                             const char *value);

extern void glue_http_fini (struct glue_http *h);

#endif /* DISKSTACK_GLUE_HTTP_H */
