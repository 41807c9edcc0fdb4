package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"weir/access"
	"weir/access/admin"
	"weir/access/counter"
	"weir/access/gate"
	"weir/access/journal"
	"weir/access/meter"
	"weir/access/seal"
	"weir/access/store"
	"weir/engine"
	"weir/engine/expr"
	"weir/policies"
	"weir/providers"
	"weir/server"
)

const (
	// firstSync is how long the start waits for the store, so that a gateway that comes up knows its callers at once.
	firstSync = 5 * time.Second
	// closeTime bounds handing on what is queued at the end: what is not taken stays on disk.
	closeTime = 10 * time.Second
)

// accessService is access keys, budgets, limits and usage as one gateway has them.
type accessService struct {
	config *server.AccessConfig
	log    zerolog.Logger
	folder string
	shown  string // address of the store, without its password
	secret func(name string) (string, error)

	box       *seal.Box
	env       *expr.Env
	store     store.Store
	directory *access.Directory
	manager   *access.Manager
	journal   *journal.Journal
	counters  counter.Counters
	meter     *meter.Meter
	gate      *gate.Gate
	api       *admin.API
	runtime   *engine.Runtime

	static  staticFile
	changed chan struct{} // plans are to be rebuilt
	stores  []*policies.Store
	stop    context.CancelFunc
	tasks   sync.WaitGroup
}

// openAccess puts access keys together. What it opens is closed by close; run keeps it up to date.
func (a *app) openAccess(c *server.Config, sources []policies.Source, rt *engine.Runtime, token string, log zerolog.Logger) (*accessService, error) {
	s := &accessService{
		config: &c.Access, log: log, runtime: rt, changed: make(chan struct{}, 1), stop: func() {},
		secret: func(name string) (string, error) { return policies.LookupSecret(sources, name) },
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	for _, step := range []func() error{
		func() error { return s.openState(ctx, a) },
		func() error { return s.openMeter() },
		func() error { return s.openAPI(token) },
		func() error { return s.static.load(s) },
	} {
		if err := step(); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	if err := s.begin(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	rt.SetAccess(s.gate)
	rt.SetMeter(s.meter)
	rt.SetDefaults(defaultsOf(s.directory.Load().Gateway))
	return s, nil
}

// openState opens the folder, the keys that seal, and the store.
func (s *accessService) openState(ctx context.Context, a *app) (err error) {
	if s.folder, err = a.stateFolder(s.config); err != nil {
		return err
	}
	address, err := s.config.StoreAddress(s.secret)
	if err != nil {
		return fmt.Errorf("access.store: %w", err)
	}
	if s.box, err = a.masterKeys(ctx, s.config, s.folder, address, s.secret); err != nil {
		return err
	}
	if address == "" {
		address = "sqlite:" + inFolder(s.folder, "weir.db")
	}
	s.shown = server.MaskPassword(address)
	if s.store, err = store.Open(ctx, address); err != nil {
		return fmt.Errorf("access.store %s: %w", s.shown, err)
	}
	s.directory = access.NewDirectory(access.DirectoryOptions{Store: s.store, Poll: s.config.SyncEvery, Log: s.log})
	return nil
}

// openMeter opens what counts.
func (s *accessService) openMeter() (err error) {
	if s.journal, err = journal.Open(inFolder(s.folder, "usage"), s.store.AppendUsage, journal.Options{Log: s.log}); err != nil {
		if errors.Is(err, journal.ErrInUse) {
			err = fmt.Errorf("%w; another gateway on this machine needs an access.folder of its own", err)
		}
		return err
	}
	address, err := s.config.CountersAddress(s.secret)
	if err != nil {
		return fmt.Errorf("access.counters: %w", err)
	}
	load := meter.Load(s.store, s.journal)
	if address == "memory" {
		s.counters = counter.NewMemory(counter.MemoryOptions{Load: load})
	} else {
		onError := counter.Deny
		if s.config.OnStoreError == server.StoreErrorAllowLocal {
			onError = counter.AllowLocal
		}
		s.counters, err = counter.NewRedis(counter.RedisOptions{URL: address, Load: load, OnError: onError, Log: s.log})
		if err != nil {
			return fmt.Errorf("access.counters %s: %w", server.MaskPassword(address), err)
		}
	}
	if s.env, err = meter.NewEnv(); err != nil {
		return fmt.Errorf("access: %w", err)
	}
	key, err := s.webhookKey()
	if err != nil {
		return err
	}
	s.meter, err = meter.New(meter.Options{
		Directory: s.directory, Counters: s.counters, Journal: s.journal, Env: s.env, WebhookKey: key, Client: webhookClient(s.config.WebhookHosts), Log: s.log,
	})
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	s.gate = gate.New(gate.Options{Directory: s.directory, Box: s.box, StaleFor: s.config.StaleFor, Log: s.log})
	return nil
}

func (s *accessService) checkWhen(text string) error { return meter.CheckWhen(s.env, text) }

func (s *accessService) checkPer(text string) error { return meter.CheckPer(s.env, text) }

// openAPI makes the Admin API.
func (s *accessService) openAPI(token string) (err error) {
	s.manager = access.NewManager(access.ManagerOptions{
		Store: s.store, Directory: s.directory, Box: s.box, BuiltIn: builtInProvider, CheckWhen: s.checkWhen, CheckPer: s.checkPer,
		WebhookHosts: s.config.WebhookHosts,
	})
	o := admin.Options{
		Manager: s.manager, Directory: s.directory, Store: s.store, Box: s.box, Token: token, Providers: s.providerNames,
		FlushUsage: s.journal.Flush, CounterState: s.counterState, StaleFor: s.config.StaleFor, Log: s.log,
	}
	if c := &s.config.OIDC; c.Issuer != "" {
		o.OIDC = &admin.OIDCOptions{Issuer: c.Issuer, Audience: c.Audience, RoleClaim: c.RoleClaim, Roles: c.RoleMap()}
	}
	if s.api, err = admin.New(o); err != nil {
		return fmt.Errorf("the Admin API: %w", err)
	}
	return nil
}

// counterState is what a budget or limit has counted, for the Admin API.
func (s *accessService) counterState(ctx context.Context, q *access.Quota) (admin.QuotaState, bool, error) {
	state, resets, ok, err := s.meter.State(ctx, q)
	return admin.QuotaState{Used: state.Used, Reserved: state.Reserved, ResetsAt: resets}, ok, err //nolint:wrapcheck // it says what it was doing
}

// begin reads the store for the first time. One that cannot be read now is asked again until it can: nobody is let in before.
// One whose keys were all stored under another master key is no reason to listen.
func (s *accessService) begin(ctx context.Context) error {
	s.directory.OnChange(s.onChange)
	ctx, cancel := context.WithTimeout(ctx, firstSync)
	defer cancel()
	if err := s.directory.Sync(ctx); err != nil {
		s.log.Error().Err(err).Str("store", s.shown).Msg("access keys could not be read; everybody is refused until they can")
		return nil
	}
	if errors.Is(s.gate.Err(), gate.ErrForeign) {
		return fmt.Errorf("access.master_key is not the one of the store %s: %w", s.shown, access.CheckKeys(s.directory.Load(), s.box))
	}
	if err := access.CheckKeys(s.directory.Load(), s.box); err != nil {
		s.log.Error().Err(err).Msg("some access keys and provider keys cannot be used")
	}
	return nil
}

// run keeps everything up to date until close; stores are the policies whose plans hold what is added at run time.
func (s *accessService) run(stores []*policies.Store) {
	s.stores = stores
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.tasks.Go(func() { s.directory.Run(ctx) })
	s.tasks.Go(func() { s.gate.Run(ctx) })
	s.tasks.Go(func() { s.static.watch(ctx, s) })
	s.tasks.Go(func() { s.rebuilds(ctx) })
}

// close ends everything: warnings first, then usage, which the store must still take, then counters.
func (s *accessService) close() error {
	s.stop()
	s.tasks.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	var all []error
	if s.meter != nil {
		all = append(all, s.meter.Close(ctx))
	}
	if s.journal != nil {
		all = append(all, s.journal.Close(ctx))
	}
	if s.counters != nil {
		all = append(all, s.counters.Flush(ctx), s.counters.Close())
	}
	if s.store != nil {
		all = append(all, s.store.Close())
	}
	return errors.Join(all...)
}

func builtInProvider(id string) bool {
	same := func(name string) bool { return strings.EqualFold(name, id) }
	return same(demoProvider) || slices.ContainsFunc(providers.Registry(), func(s engine.ProviderSpec) bool {
		return same(s.ID) || slices.ContainsFunc(s.Aliases, same)
	})
}
