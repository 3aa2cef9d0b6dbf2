/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See xml-reader.h.  The only file that includes expat's header.
 */

#include <config.h>

#include <expat.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "cloud/xml-reader.h"

struct xml_reader {
  const struct xml_handler *handler;
  void *opaque;
  XML_Parser parser;
  size_t left; /* bytes that may still come */
  unsigned depth;
  enum cloud_status status; /* why it was stopped */
  char text[XML_TEXT_MAX];
  size_t n; /* of text */
};

static void
stop (struct xml_reader *r, enum cloud_status status)
{
  if (status != CLOUD_OK && r->status == CLOUD_OK) {
    r->status = status;
    XML_StopParser (r->parser, XML_FALSE);
  }
}

static void XMLCALL
on_start (void *opaque, const XML_Char *name, const XML_Char **attributes)
{
  struct xml_reader *r = opaque;

  r->n = 0;
  if (r->depth == XML_DEPTH_MAX)
    stop (r, CLOUD_XML_DEPTH);
  if (r->status == CLOUD_OK)
    stop (r, r->handler->start (r->opaque, r->depth, name));
  r->depth++;
}

/* Called after stop, too, for an empty element. */
static void XMLCALL
on_end (void *opaque, const XML_Char *name)
{
  struct xml_reader *r = opaque;

  r->depth--;
  r->text[r->n] = '\0';
  if (r->status == CLOUD_OK)
    stop (r, r->handler->end (r->opaque, r->depth, name, r->text));
  r->n = 0;
}

static void XMLCALL
on_text (void *opaque, const XML_Char *text, int n)
{
  struct xml_reader *r = opaque;
  const size_t take = min_u64 ((size_t) n, XML_TEXT_MAX - 1 - r->n);

  memcpy (r->text + r->n, text, take);
  r->n += take;
}

static void XMLCALL
on_doctype (void *opaque, const XML_Char *name, const XML_Char *system_id,
            const XML_Char *public_id, int has_internal_subset)
{
  stop (opaque, CLOUD_XML_DOCTYPE);
}

struct xml_reader *
xml_reader_new (const struct xml_handler *h, void *opaque, size_t max)
{
  /* Ours, so that tests can have them fail. */
  static const XML_Memory_Handling_Suite memory = { malloc, realloc, free };
  struct xml_reader *r = calloc (1, sizeof *r);

  if (r == NULL)
    return NULL;
  r->handler = h;
  r->opaque = opaque;
  r->left = max;
  r->parser = XML_ParserCreate_MM (NULL, &memory, NULL);
  if (r->parser == NULL) {
    free (r);
    return NULL;
  }
  XML_SetUserData (r->parser, r);
  XML_SetElementHandler (r->parser, on_start, on_end);
  XML_SetCharacterDataHandler (r->parser, on_text);
  XML_SetStartDoctypeDeclHandler (r->parser, on_doctype);
  return r;
}

void
xml_reader_free (struct xml_reader *r)
{
  if (r == NULL)
    return;
  XML_ParserFree (r->parser);
  free (r);
}

static enum cloud_status
parse (struct xml_reader *r, const void *bytes, int n, int is_final)
{
  if (r->status == CLOUD_OK &&
      XML_Parse (r->parser, bytes, n, is_final) != XML_STATUS_OK &&
      r->status == CLOUD_OK) {
    switch (XML_GetErrorCode (r->parser)) {
    case XML_ERROR_NO_MEMORY:
      r->status = CLOUD_NO_MEMORY;
      break;
    case XML_ERROR_NO_ELEMENTS:
    case XML_ERROR_UNCLOSED_TOKEN:
    case XML_ERROR_UNCLOSED_CDATA_SECTION:
    case XML_ERROR_PARTIAL_CHAR:
      r->status = CLOUD_XML_CUT;
      break;
    default:
      r->status = CLOUD_XML_SYNTAX;
    }
  }
  return r->status;
}

enum cloud_status
xml_reader_feed (struct xml_reader *r, const void *bytes, size_t n)
{
  const char *p = bytes;

  if (r->status == CLOUD_OK && n > r->left)
    r->status = CLOUD_TOO_LONG;
  while (r->status == CLOUD_OK && n > 0) {
    const int part = (int) min_u64 (n, INT_MAX / 2);

    parse (r, p, part, XML_FALSE);
    p += part;
    n -= (size_t) part;
    r->left -= (size_t) part;
  }
  return r->status;
}

enum cloud_status
xml_reader_end (struct xml_reader *r)
{
  return parse (r, "", 0, XML_TRUE);
}
