// The course of one request through libmicrohttpd's callbacks: request line, head, body, handler, answer,
// end. All run on the pool thread that owns the connection, one after the other.
#pragma once
#include "http/server_internal.h"

// MHD_OPTION_URI_LOG_CALLBACK: the raw target, before the library decodes it in place.
void *course_request_line(void *server, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result course_request(void *server, struct MHD_Connection *mhd, const char *url, const char *method,
                               const char *version, const char *data, size_t *n, void **context);
void course_completed(void *server, struct MHD_Connection *mhd, void **context,
                      enum MHD_RequestTerminationCode code);
// The answer's headers, the handler's and those that the server adds; returns how many.
int course_headers(const struct server_request *q, struct response_header *out);
// Counts and logs the request and gives its memory back.
void course_end(struct server *s, struct server_request *q);
void course_free(struct server_request *q);
