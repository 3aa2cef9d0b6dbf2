/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What can be wrong with a URL, a credential or an answer, as the parsers
 * of this room say it.
 */

#ifndef DISKSTACK_CLOUD_STATUS_H
#define DISKSTACK_CLOUD_STATUS_H

enum cloud_status {
  CLOUD_OK,
  CLOUD_NO_MEMORY,
  CLOUD_CRYPTO,   /* libcrypto refuses to work */
  CLOUD_TOO_LONG, /* more than any real one has */

  /* Of URLs. */
  CLOUD_URL_SCHEME,    /* neither http nor https */
  CLOUD_URL_USER,      /* a user or a password in it */
  CLOUD_URL_HOST,      /* no host, or one that cannot be */
  CLOUD_URL_PORT,      /* not 1 to 65535 */
  CLOUD_URL_CHARACTER, /* a space or control character */
  CLOUD_URL_ESCAPE,    /* "%" and not two digits, or a zero character */
  CLOUD_URL_FRAGMENT,  /* a "#" */
  CLOUD_URL_NO_BLOB,   /* names an account or container */
  CLOUD_URL_NO_KEY,    /* names a bucket */
  CLOUD_URL_NOT_DATA,  /* asks for something else than the blob itself */
  CLOUD_URL_NOT_HOST,  /* is more than a host, and perhaps a port */
  CLOUD_URL_VERSIONS,  /* a snapshot and a version, or an empty one */
  CLOUD_URL_EXPIRED,   /* pre-signed, and its time is over */
  CLOUD_URL_PRESIGNED, /* pre-signed, and its times cannot be read */

  /* Of keys and tokens. */
  CLOUD_BAD_ACCOUNT,      /* not the name of a storage account */
  CLOUD_BAD_KEY,          /* an account key that is not base64 */
  CLOUD_BAD_ACCESS_KEY,   /* of S3: empty, or with odd characters */
  CLOUD_BAD_REGION,       /* the same */
  CLOUD_TOKEN_EMPTY,      /* no bearer token */
  CLOUD_TOKEN_CHARACTER,  /* one that no header can hold */
  CLOUD_IDENTITY_JSON,    /* the answer with a token is not JSON */
  CLOUD_IDENTITY_ERROR,   /* it is a refusal */
  CLOUD_IDENTITY_TYPE,    /* its token is not of type Bearer */
  CLOUD_IDENTITY_EXPIRED, /* its token was over before it came */
  CLOUD_BAD_HEADER,       /* a header with a line end in it */

  /* Of SAS tokens. */
  CLOUD_SAS_SYNTAX,       /* not a list of parameters */
  CLOUD_SAS_TWICE,        /* a parameter that is there twice */
  CLOUD_SAS_NO_SIGNATURE, /* it was cut off, or is not a SAS */
  CLOUD_SAS_NO_VERSION,   /* the same */
  CLOUD_SAS_NO_EXPIRY,    /* no end, and no policy that may have one */
  CLOUD_SAS_BAD_TIME,     /* a start or end that is not a time */
  CLOUD_SAS_EXPIRED,      /* it was good once */
  CLOUD_SAS_NOT_YET,      /* it will be */
  CLOUD_SAS_NO_READ,      /* it does not permit reading */
  CLOUD_SAS_NOT_BLOB,     /* it is for something else than blobs */
  CLOUD_SAS_HTTPS,        /* it is for https only */

  /* Of connection strings. */
  CLOUD_CONNECTION_SYNTAX,   /* not "name=value;..." */
  CLOUD_CONNECTION_NAME,     /* a name that is not known */
  CLOUD_CONNECTION_TWICE,    /* one that is there twice */
  CLOUD_CONNECTION_PROTOCOL, /* neither http nor https */
  CLOUD_CONNECTION_ENDPOINT, /* none, and no account to make it from */
  CLOUD_CONNECTION_ACCOUNT,  /* a key without an account */
  CLOUD_CONNECTION_BOTH,     /* a key and a SAS */
  CLOUD_CONNECTION_DEVELOP,  /* UseDevelopmentStorage is not "true" */

  /* Of XML answers. */
  CLOUD_XML_SYNTAX,     /* not XML */
  CLOUD_XML_CUT,        /* it ends too early */
  CLOUD_XML_DOCTYPE,    /* a document type, which none of them has */
  CLOUD_XML_DEPTH,      /* elements in elements without end */
  CLOUD_XML_OTHER,      /* XML, but of something else */
  CLOUD_RANGE_NUMBER,   /* a page range without two numbers */
  CLOUD_RANGE_BACKWARD, /* one that ends before it starts */
  CLOUD_RANGE_ORDER,    /* one that starts before the last one's end */
  CLOUD_RANGE_OUTSIDE,  /* one that ends behind the blob */
  CLOUD_RANGE_MARKER,   /* a mark to go on from, and nothing before it */
};

/* A phrase without its subject, such as "has expired". */
extern const char *cloud_status_string (enum cloud_status status);

#endif /* DISKSTACK_CLOUD_STATUS_H */
