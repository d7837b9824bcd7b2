// A log of somebody else's that asks our witness: Tessera, with its own client of the witness protocol.

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	cosigned "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

// A new key for a log of this origin: what signs, and what the witness must know.
func newKey(origin string) (string, string, error) {
	return note.GenerateKey(rand.Reader, origin)
}

// Appends entries to a log in a directory, one at a time, each under a checkpoint that the policy's witnesses have
// cosigned; the size of the last one.
func appendWitnessed(work work) (uint64, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	signer, err := note.NewSigner(work.Signer)
	if err != nil {
		return 0, err
	}
	witnesses, err := tessera.NewWitnessGroupFromPolicy([]byte(work.Policy))
	if err != nil {
		return 0, err
	}
	driver, err := posix.New(ctx, posix.Config{HTTPClient: http.DefaultClient, Path: work.Root})
	if err != nil {
		return 0, err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithCheckpointInterval(100*time.Millisecond).
		WithBatching(1, 50*time.Millisecond).
		WithWitnesses(witnesses, nil)
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return 0, err
	}
	await := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 20*time.Millisecond)
	var signed []byte
	for n := range work.Append {
		entry := tessera.NewEntry(fmt.Appendf(nil, "entry %d", n))
		if _, signed, err = await.Await(ctx, appender.Add(ctx, entry)); err != nil {
			return 0, err
		}
		if err := vouched(signed, work.Cosigners); err != nil {
			return 0, err
		}
	}
	if err := shutdown(ctx); err != nil {
		return 0, err
	}
	verifier, err := note.NewVerifier(work.Keys[0])
	if err != nil {
		return 0, err
	}
	return sizeOf(signed, verifier)
}

// Whether each of these witnesses has cosigned a checkpoint, at a time.
func vouched(signed []byte, cosigners []string) error {
	for _, key := range cosigners {
		verifier, err := verifier(key)
		if err != nil {
			return err
		}
		opened, err := note.Open(signed, note.VerifierList(verifier))
		if err != nil {
			return fmt.Errorf("%s: %w", verifier.Name(), err)
		}
		when, err := cosigned.CoSigV1Timestamp(opened.Sigs[0])
		if err != nil {
			return err
		}
		if when.Unix() <= 0 {
			return errors.New("a cosignature without a time")
		}
	}
	return nil
}
