// Foreign reads a ledger of ours with the programs of others: fsck of Tessera over every tile and entry, the signed
// notes of Go's checksum database and of transparency-dev, and its reader of tlog-proofs. Nothing of ours is in it.
//
// It reads one JSON object on stdin and prints one: {size} of the signed checkpoint, {signer, key} where a key was
// asked for, or {error}.
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	formats "github.com/transparency-dev/formats/log"
	cosigned "github.com/transparency-dev/formats/note"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

// What fsck may take; it waits for ever on a tile that does not come.
const limit = 2 * time.Minute

type work struct {
	// A directory, or the address that a log is served at.
	Root string `json:"root"`
	// What the server wants to see, if it is an address.
	Token string `json:"token"`
	// The log's verifier keys.
	Keys []string `json:"keys"`
	// A tlog-proof in base64: then it is checked instead of the log.
	Proof string `json:"proof"`
	// The keys of the platform's log, for a proof that passes through it.
	Platform []string `json:"platform"`
	// The verifier keys of witnesses who must have cosigned.
	Cosigners []string `json:"cosigners"`
	// The origin of a log that a key is wanted for.
	Origin string `json:"origin"`
	// How many entries to append to a log of Tessera's, with what it signs and the policy of its witnesses.
	Append int    `json:"append"`
	Signer string `json:"signer"`
	Policy string `json:"policy"`
}

func verifier(key string) (note.Verifier, error) {
	// name+hash+key, and base64 knows `+` too.
	parts := strings.SplitN(key, "+", 3)
	bytes, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(bytes) == 0 {
		return nil, fmt.Errorf("no verifier key: %q", key)
	}
	switch bytes[0] {
	case 6:
		return cosigned.NewMLDSAVerifier(key)
	case 4:
		return cosigned.NewVerifierForCosignatureV1(key)
	}
	return note.NewVerifier(key)
}

func fetcher(work work) (fsck.Fetcher, error) {
	if !strings.HasPrefix(work.Root, "http") {
		return client.FileFetcher{Root: work.Root}, nil
	}
	root, err := url.Parse(work.Root)
	if err != nil {
		return nil, err
	}
	http, err := client.NewHTTPFetcher(root, nil)
	if err != nil {
		return nil, err
	}
	if work.Token != "" {
		http.SetAuthorizationHeader("Bearer " + work.Token)
	}
	return http, nil
}

func leaves(bundle []byte) ([][]byte, error) {
	entries := &api.EntryBundle{}
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, entry := range entries.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

// The whole log, once for each of its keys.
func whole(work work) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	source, err := fetcher(work)
	if err != nil {
		return 0, err
	}
	var size uint64
	for _, key := range work.Keys {
		verifier, err := verifier(key)
		if err != nil {
			return 0, err
		}
		check := fsck.New(verifier.Name(), verifier, source, leaves, fsck.Opts{N: 2})
		if err := check.Check(ctx); err != nil {
			return 0, err
		}
		signed, err := source.ReadCheckpoint(ctx)
		if err != nil {
			return 0, err
		}
		if size, err = sizeOf(signed, verifier); err != nil {
			return 0, err
		}
		if err := vouched(signed, work.Cosigners); err != nil {
			return 0, err
		}
	}
	return size, ctx.Err()
}

func sizeOf(signed []byte, verifier note.Verifier) (uint64, error) {
	checkpoint, _, _, err := formats.ParseCheckpoint(signed, verifier.Name(), verifier)
	if err != nil {
		return 0, err
	}
	return checkpoint.Size, nil
}

// One entry, and what stands above it: behind the entry and a newline, the proof of an entry of the platform's log that
// names the first proof's checkpoint.
func one(work work) (uint64, error) {
	file, err := base64.StdEncoding.DecodeString(work.Proof)
	if err != nil {
		return 0, err
	}
	checkpoint, _, above, err := proved(file, work.Keys)
	if err != nil || above == nil {
		return checkpoint.Size, err
	}
	_, entry, further, err := proved(above, work.Platform)
	if err != nil {
		return 0, fmt.Errorf("the platform's proof: %w", err)
	}
	if further != nil {
		return 0, errors.New("something stands above the platform's proof")
	}
	var recorded struct {
		Kind  string `json:"kind"`
		Facts struct {
			Checkpoints []struct {
				Origin string `json:"origin"`
				Size   uint64 `json:"size"`
				Root   []byte `json:"root"`
			} `json:"checkpoints"`
		} `json:"facts"`
	}
	if err := json.Unmarshal(entry, &recorded); err != nil {
		return 0, err
	}
	for _, named := range recorded.Facts.Checkpoints {
		if recorded.Kind == "checkpoints.recorded" && named.Origin == checkpoint.Origin && named.Size == checkpoint.Size &&
			bytes.Equal(named.Root, checkpoint.Hash) {
			return checkpoint.Size, nil
		}
	}
	return 0, errors.New("the platform's entry does not name the checkpoint")
}

// The checkpoint of a proof that holds under each of the keys, its entry, and what stands behind that.
func proved(file []byte, keys []string) (*formats.Checkpoint, []byte, []byte, error) {
	checkpoint := &formats.Checkpoint{}
	var read tlogproof.TLogProof
	if err := read.Unmarshal(file); err != nil {
		return checkpoint, nil, nil, err
	}
	if len(keys) == 0 {
		return checkpoint, nil, nil, errors.New("no keys: nothing would be checked")
	}
	entry, above, chained := bytes.Cut(read.ExtraData, []byte("\n"))
	if !chained {
		above = nil
	}
	for _, key := range keys {
		verifier, err := verifier(key)
		if err != nil {
			return checkpoint, nil, nil, err
		}
		checkpoint, _, _, err = formats.ParseCheckpoint(read.Checkpoint, verifier.Name(), verifier)
		if err != nil {
			return &formats.Checkpoint{}, nil, nil, err
		}
		var hashes [][]byte
		for _, hash := range read.Hashes {
			hashes = append(hashes, hash[:])
		}
		leaf := rfc6962.DefaultHasher.HashLeaf(entry)
		err = proof.VerifyInclusion(rfc6962.DefaultHasher, read.Index, checkpoint.Size, leaf, hashes, checkpoint.Hash)
		if err != nil {
			return checkpoint, nil, nil, err
		}
	}
	return checkpoint, entry, above, nil
}

func (work work) check() (uint64, error) {
	switch {
	case len(work.Keys) == 0:
		return 0, errors.New("no keys: nothing would be checked")
	case work.Proof != "":
		return one(work)
	case work.Append > 0:
		return appendWitnessed(work)
	}
	return whole(work)
}

func main() {
	var asked work
	answer := map[string]any{}
	err := json.NewDecoder(os.Stdin).Decode(&asked)
	if err == nil && asked.Origin != "" {
		answer["signer"], answer["key"], err = newKey(asked.Origin)
	} else if err == nil {
		answer["size"], err = asked.check()
	}
	if err != nil {
		answer = map[string]any{"error": err.Error()}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		os.Exit(1)
	}
}
