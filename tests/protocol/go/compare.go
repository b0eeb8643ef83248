// Trees, proofs and signed notes as Go's own sumdb packages make and check them, so that the log of
// the directory can be compared with them, both ways.
//
//	make SEED TREES NOTES   prints vectors, one JSON object a line
//	check                   reads such lines with whole proofs and says of each "ok" or why not
//
// Debian: golang-go, golang-golang-x-mod-dev; run by tests/protocol/test_go.py.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"math/rand"
	"os"
	"strconv"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const most = 4096 // leaves of the largest tree

// One tree of Size leaves: its root, the proof that leaf Index is in it, and that it extends the
// tree of Old leaves. In vectors the proofs are SHA-256 over their hashes; to check they are whole.
type tree struct {
	Size        int64    `json:"size"`
	Root        []byte   `json:"root"`
	Index       int64    `json:"index"`
	Leaf        []byte   `json:"leaf,omitempty"`
	Old         int64    `json:"old"`
	OldRoot     []byte   `json:"old_root,omitempty"`
	Inclusion   []byte   `json:"inclusion,omitempty"`
	Consistency []byte   `json:"consistency,omitempty"`
	Includes    [][]byte `json:"includes,omitempty"`
	Extends     [][]byte `json:"extends,omitempty"`
}

type signed struct {
	Name string `json:"name"`
	Seed []byte `json:"seed"`
	Note []byte `json:"note"`
}

type line struct {
	Tree *tree   `json:"tree,omitempty"`
	Note *signed `json:"note,omitempty"`
}

// Leaf number i of every tree: SHA-256 of the seed and the number, cut to as many bytes as the
// number gives, so that leaves have all lengths from none to 32 bytes.
func leaf(seed string, i int64) []byte {
	sum := sha256.Sum256([]byte(seed + "/" + strconv.FormatInt(i, 10)))
	return sum[:i%33]
}

func grow(seed string) tlog.HashReaderFunc {
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = hashes[index]
		}
		return found, nil
	})
	for i := int64(0); i < most; i++ {
		more, err := tlog.StoredHashes(i, leaf(seed, i), reader)
		must(err)
		hashes = append(hashes, more...)
	}
	return reader
}

func digest(hashes []tlog.Hash) []byte {
	sum := sha256.New()
	for _, hash := range hashes {
		sum.Write(hash[:])
	}
	return sum.Sum(nil)
}

func makeVectors(seed string, trees, notes int) {
	first := sha256.Sum256([]byte(seed))
	chance := rand.New(rand.NewSource(int64(binary.BigEndian.Uint64(first[:8]))))
	reader := grow(seed)
	out := json.NewEncoder(os.Stdout)
	for number := 0; number < trees; number++ {
		size := 1 + chance.Int63n(most)
		if number < 200 {
			size = int64(number + 1) // every small one
		}
		index, old := chance.Int63n(size), 1+chance.Int63n(size)
		root, err := tlog.TreeHash(size, reader)
		must(err)
		included, err := tlog.ProveRecord(size, index, reader)
		must(err)
		extended, err := tlog.ProveTree(size, old, reader)
		must(err)
		must(out.Encode(line{Tree: &tree{
			Size: size, Root: root[:], Index: index, Old: old,
			Inclusion: digest(included), Consistency: digest(extended),
		}}))
	}
	for number := 0; number < notes; number++ {
		keySeed := make([]byte, ed25519.SeedSize)
		chance.Read(keySeed)
		name := fmt.Sprintf("log%d.example.org/%d", number, chance.Intn(1000))
		text := fmt.Sprintf("%s\n%d\n%s\n", name, chance.Int63(), base64.StdEncoding.EncodeToString(keySeed))
		if number%3 == 0 {
			text += "Лінія, γραμμή, 行\n\n"
			text += "the end\n"
		}
		signer, err := note.NewSigner(secret(name, keySeed))
		must(err)
		whole, err := note.Sign(&note.Note{Text: text}, signer)
		must(err)
		must(out.Encode(line{Note: &signed{name, keySeed, whole}}))
	}
}

func keyHash(name string, key []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	return binary.BigEndian.Uint32(sum[:4])
}

func keys(name string, seed []byte) (secret, public string) {
	open := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	algorithm := []byte{1}
	hash := keyHash(name, append(append([]byte{}, algorithm...), open...))
	secret = fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, hash,
		base64.StdEncoding.EncodeToString(append(append([]byte{}, algorithm...), seed...)))
	public = fmt.Sprintf("%s+%08x+%s", name, hash,
		base64.StdEncoding.EncodeToString(append(append([]byte{}, algorithm...), open...)))
	return secret, public
}

func secret(name string, seed []byte) string {
	text, _ := keys(name, seed)
	return text
}

func check() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 0, 1<<20), 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var given line
		must(json.Unmarshal(in.Bytes(), &given))
		var err error
		if given.Tree != nil {
			err = checkTree(given.Tree)
		} else {
			err = checkNote(given.Note)
		}
		if err != nil {
			fmt.Fprintln(out, err)
		} else {
			fmt.Fprintln(out, "ok")
		}
	}
	must(in.Err())
}

func checkTree(given *tree) error {
	included, err := proof(given.Includes)
	if err != nil {
		return err
	}
	extended, err := proof(given.Extends)
	if err != nil {
		return err
	}
	root, old := hash(given.Root), hash(given.OldRoot)
	if err := tlog.CheckRecord(included, given.Size, root, given.Index, tlog.RecordHash(given.Leaf)); err != nil {
		return err
	}
	return tlog.CheckTree(extended, given.Size, root, given.Old, old)
}

func checkNote(given *signed) error {
	_, public := keys(given.Name, given.Seed)
	verifier, err := note.NewVerifier(public)
	if err != nil {
		return err
	}
	opened, err := note.Open(given.Note, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(given.Note, []byte(opened.Text)) {
		return fmt.Errorf("another text")
	}
	return nil
}

func proof(hashes [][]byte) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(hashes))
	for i, each := range hashes {
		if len(each) != len(found[i]) {
			return nil, fmt.Errorf("a hash of %d bytes", len(each))
		}
		copy(found[i][:], each)
	}
	return found, nil
}

func hash(data []byte) (found tlog.Hash) {
	copy(found[:], data)
	return found
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	switch {
	case len(os.Args) == 5 && os.Args[1] == "make":
		trees, err := strconv.Atoi(os.Args[3])
		must(err)
		notes, err := strconv.Atoi(os.Args[4])
		must(err)
		makeVectors(os.Args[2], trees, notes)
	case len(os.Args) == 2 && os.Args[1] == "check":
		check()
	default:
		log.Fatal("make SEED TREES NOTES, or check")
	}
}
