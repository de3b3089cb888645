package healthcheck

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Limits of what is read from a server.
const (
	maxHeader  = 64 << 10 // bytes of status line and header, interim ones included
	maxInterim = 8        // 1xx responses before the real one
	maxBody    = 16 << 20 // bytes of body that are read
	maxChunks  = 1 << 16  // chunks of a chunked body
)

// response is what a check needs of an HTTP response.
type response struct {
	status  int
	size    int64 // bytes of body written
	cut     bool  // the body was longer than maxBody and the rest not read
	chunked bool
}

// errHeaderTooLong and others say what is wrong with a response.
var (
	errHeaderTooLong = errors.New("header longer than " + strconv.Itoa(maxHeader) + " bytes")
	errNotHTTP       = errors.New("the answer is not HTTP")
	errChunk         = errors.New("bad chunk in the body")
)

// readResponse reads one response to a GET (RFC 9112) and writes its body to
// w and, if that is chunked, the chunks as they came to raw. It reads at most maxHeader and maxBody bytes (and chunk
// framing), whatever the server announces. A body that ends before the length
// announced is an error.
func readResponse(r io.Reader, w, raw io.Writer) (response, error) {
	h := &headerReader{r: bufio.NewReaderSize(r, 4096), left: maxHeader}
	for range maxInterim {
		status, err := h.statusLine()
		if err != nil {
			return response{}, err
		}
		f, err := h.fields()
		if err != nil {
			return response{}, err
		}
		if status >= 200 {
			res := response{status: status}
			err = res.body(h.r, w, raw, f)
			return res, err
		}
		if status == 101 {
			return response{}, errors.New("status 101 to a plain request")
		}
	}
	return response{}, errors.New("too many interim responses")
}

// headerReader reads lines with a limit on their sum.
type headerReader struct {
	r    *bufio.Reader
	left int
}

// line returns the next line without its end (CRLF or LF).
func (h *headerReader) line() (string, error) {
	var long []byte
	for {
		part, err := h.r.ReadSlice('\n')
		if h.left -= len(part); h.left < 0 {
			return "", errHeaderTooLong
		}
		switch {
		case err == nil:
			if long != nil {
				part = append(long, part...)
			}
			return string(bytes.TrimSuffix(part[:len(part)-1], []byte("\r"))), nil
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, part...)
		case errors.Is(err, io.EOF):
			return "", fmt.Errorf("connection closed in the header: %w", io.ErrUnexpectedEOF)
		default:
			return "", err
		}
	}
}

// statusLine reads "HTTP/1.1 200 OK". The reason may be missing.
func (h *headerReader) statusLine() (int, error) {
	line, err := h.line()
	if err != nil {
		return 0, err
	}
	if len(line) < len("HTTP/1.1 200") || !strings.HasPrefix(line, "HTTP/1.") ||
		!isDigit(line[7]) || line[8] != ' ' || (len(line) > 12 && line[12] != ' ') {
		return 0, errNotHTTP
	}
	n := 0
	for _, c := range []byte(line[9:12]) {
		if !isDigit(c) {
			return 0, errNotHTTP
		}
		n = n*10 + int(c-'0')
	}
	if n < 100 || n > 599 {
		return 0, fmt.Errorf("status %d is none", n)
	}
	return n, nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// fields is what the header says about the body.
type fields struct {
	length  int64 // -1: not given
	chunked bool
}

func (h *headerReader) fields() (fields, error) {
	f := fields{length: -1}
	for {
		line, err := h.line()
		if err != nil || line == "" {
			return f, err
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue // an obsolete continuation; none of the fields used may have one
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return f, fmt.Errorf("bad header line %.40q", line)
		}
		value = strings.Trim(value, " \t")
		switch strings.ToLower(name) {
		case "content-length":
			n, err := strconv.ParseUint(value, 10, 62)
			if err != nil || (f.length >= 0 && f.length != int64(n)) {
				return f, fmt.Errorf("bad content-length %.40q", value)
			}
			f.length = int64(n)
		case "transfer-encoding":
			if strings.EqualFold(value, "identity") {
				continue // HTTP/1.1 of 1999: nothing is done to the body
			}
			if f.chunked || !strings.EqualFold(value, "chunked") {
				return f, fmt.Errorf("transfer-encoding %.40q is not supported", value)
			}
			f.chunked = true
		}
	}
}

// body copies the body to w.
func (res *response) body(r *bufio.Reader, w, raw io.Writer, f fields) error {
	switch {
	case res.status == 204 || res.status == 304:
		return nil
	case f.chunked:
		res.chunked = true
		return res.chunks(bufio.NewReaderSize(io.TeeReader(r, raw), 4096), w)
	case f.length >= 0:
		n, err := res.copy(w, r, f.length)
		if err == nil && n < f.length && !res.cut {
			err = fmt.Errorf("body ended after %d of %d bytes: %w", n, f.length, io.ErrUnexpectedEOF)
		}
		return err
	}
	_, err := res.copy(w, r, maxBody+1)
	return err
}

// copy copies up to n bytes as far as maxBody allows.
func (res *response) copy(w io.Writer, r io.Reader, n int64) (int64, error) {
	allowed := min(n, maxBody-res.size)
	got, err := io.Copy(w, io.LimitReader(r, allowed))
	res.size += got
	res.cut = err == nil && got == allowed && allowed < n
	return got, err
}

// chunks reads a chunked body with its trailer.
func (res *response) chunks(r *bufio.Reader, w io.Writer) error {
	for range maxChunks {
		line := &headerReader{r: r, left: 4096} // size and extensions
		s, err := line.line()
		if err != nil {
			return err
		}
		s, _, _ = strings.Cut(s, ";")
		size, err := strconv.ParseUint(strings.TrimRight(s, " \t"), 16, 62)
		if err != nil {
			return errChunk
		}
		if size == 0 {
			_, err := (&headerReader{r: r, left: maxHeader}).fields()
			return err
		}
		n, err := res.copy(w, r, int64(size))
		switch {
		case err != nil || res.cut:
			return err
		case n < int64(size):
			return fmt.Errorf("body ended inside a chunk: %w", io.ErrUnexpectedEOF)
		}
		if end, err := line.line(); err != nil {
			return err
		} else if end != "" {
			return errChunk
		}
	}
	return errors.New("too many chunks")
}
