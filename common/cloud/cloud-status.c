/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See cloud-status.h.
 */

#include <config.h>

#include "cloud/cloud-status.h"

const char *
cloud_status_string (enum cloud_status status)
{
  static const char *const strings[] = {
    [CLOUD_OK] = "is fine",
    [CLOUD_NO_MEMORY] = "does not fit into memory",
    [CLOUD_CRYPTO] = "cannot be signed, because libcrypto fails",
    [CLOUD_TOO_LONG] = "is too long",
    [CLOUD_URL_SCHEME] = "begins with neither http:// nor https://",
    [CLOUD_URL_USER] = "has a user name in it, which has its own parameter",
    [CLOUD_URL_HOST] = "has no valid host",
    [CLOUD_URL_PORT] = "has a port that is not 1 to 65535",
    [CLOUD_URL_CHARACTER] = "contains a space or a control character",
    [CLOUD_URL_ESCAPE] = "contains a \"%\" without two hexadecimal digits, "
                         "or %00",
    [CLOUD_URL_FRAGMENT] = "contains a \"#\", which is written %23",
    [CLOUD_URL_NO_BLOB] = "names no blob",
    [CLOUD_URL_NO_KEY] = "names no object",
    [CLOUD_URL_NOT_HOST] = "must be a URL of a host, without a path or a query",
    [CLOUD_URL_NOT_DATA] = "asks for something else than a blob's data",
    [CLOUD_URL_VERSIONS] = "has to name one snapshot or one version",
    [CLOUD_URL_EXPIRED] = "was signed for a time that is over",
    [CLOUD_URL_PRESIGNED] = "is pre-signed for a time that cannot be read",
    [CLOUD_BAD_ACCOUNT] = "has a name that no storage account has",
    [CLOUD_BAD_KEY] = "is not base64 of 1 to 128 bytes",
    [CLOUD_BAD_ACCESS_KEY] = "is empty, or has characters that none has",
    [CLOUD_BAD_REGION] = "is no region",
    [CLOUD_TOKEN_EMPTY] = "is empty",
    [CLOUD_TOKEN_CHARACTER] = "contains characters that no bearer token has",
    [CLOUD_IDENTITY_JSON] = "is not the JSON of an access token",
    [CLOUD_IDENTITY_ERROR] = "is an error instead of an access token",
    [CLOUD_IDENTITY_TYPE] = "has an access token that is not of type Bearer",
    [CLOUD_IDENTITY_EXPIRED] = "has an access token that has expired",
    [CLOUD_BAD_HEADER] = "contains a line end",
    [CLOUD_SAS_SYNTAX] = "is not a list of parameters",
    [CLOUD_SAS_TWICE] = "has a parameter twice",
    [CLOUD_SAS_NO_SIGNATURE] = "has no signature (sig=)",
    [CLOUD_SAS_NO_VERSION] = "has no version (sv=)",
    [CLOUD_SAS_NO_EXPIRY] = "has neither an expiry time (se=) nor a policy "
                            "(si=)",
    [CLOUD_SAS_BAD_TIME] = "has a start (st=) or expiry (se=) that is no time",
    [CLOUD_SAS_EXPIRED] = "has expired",
    [CLOUD_SAS_NOT_YET] = "is not valid yet",
    [CLOUD_SAS_NO_READ] = "does not permit reading (sp= without r)",
    [CLOUD_SAS_NOT_BLOB] = "is not for blobs",
    [CLOUD_SAS_HTTPS] = "is for https only",
    [CLOUD_CONNECTION_SYNTAX] = "is not a list of name=value with \";\" "
                                "between",
    [CLOUD_CONNECTION_NAME] = "has a name that is not known",
    [CLOUD_CONNECTION_TWICE] = "has a name twice",
    [CLOUD_CONNECTION_PROTOCOL] = "has a DefaultEndpointsProtocol that is "
                                  "neither http nor https",
    [CLOUD_CONNECTION_ENDPOINT] = "has neither AccountName nor BlobEndpoint",
    [CLOUD_CONNECTION_ACCOUNT] = "has AccountKey without AccountName",
    [CLOUD_CONNECTION_BOTH] = "has both AccountKey and SharedAccessSignature",
    [CLOUD_CONNECTION_DEVELOP] = "has UseDevelopmentStorage that is not true",
    [CLOUD_XML_SYNTAX] = "is not XML",
    [CLOUD_XML_CUT] = "ends before it is complete",
    [CLOUD_XML_DOCTYPE] = "has a document type",
    [CLOUD_XML_DEPTH] = "has too many elements in one another",
    [CLOUD_XML_OTHER] = "is XML of something else",
    [CLOUD_RANGE_NUMBER] = "has a page range without start and end",
    [CLOUD_RANGE_BACKWARD] = "has a page range that ends before it starts",
    [CLOUD_RANGE_ORDER] = "has page ranges that are not in order",
    [CLOUD_RANGE_OUTSIDE] = "has a page range behind the end of the blob",
    [CLOUD_RANGE_MARKER] = "says where to go on, but not what comes before",
  };

  return strings[status];
}
