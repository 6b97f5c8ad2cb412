// linear_synth_slice: one slice: its port, its packets, its memories, rows and lookups.
//
//   port -> hbm_streamer -> split -> codebooks -> row_synth -> rows -+
//                             |         gather -> activations ^      +-> lut2d -> m_axis_acc
//                             +-> run headers and indices (queue) ---+
//
// With Gather two more users of the activations, and of the port (see linear_synth_rows):
//
//   split -> codebooks -> centroid_search -> m_found      gather -> indices -> row_gather <-> hbm_streamer <-> port
//                         activations ^                                            +-> rows -> lut2d
//
// The queue of indices is what lets codebooks get ahead of them: while a block's indices wait for their row, the codebooks behind
// them are on their way.
//
// Latency, throughput: those of the parts; see linear_synth.
// Back-pressure: m_axis_acc_tvalid and the round's valid depend on registers, so do their readies inside.
//
// Parameters: as in linear_synth; IndexBeats, BookBeats  depth of the index queue, of row_synth's ring
// Ports:
//   setup_*       a queue: setup_ready_o must have been seen in the cycle before
//   m_round_*     one word a round of the command: is there a job, log2 of the subsets, tokens
//   m_found_*     with Gather: the indices of a search's centroids, those of a block one after the other
//   m_axis_acc_*  the partial sums of a job, DrainW a beat for each of Drains tokens: of every slot for so many tokens after the other
module linear_synth_slice
  import linear_synth_pkg::*;
#(
    parameter int unsigned Slices = 2,
    parameter int unsigned Width = 16,
    parameter int unsigned Lanes = 2,
    parameter int unsigned Units = 32,
    parameter int unsigned Slots = 32,
    parameter int unsigned Centroids = 64,
    parameter int unsigned EntryW = 16,
    parameter int unsigned ActW = 12,
    parameter int unsigned MaxInputs = 4096,
    parameter int unsigned MaxPositions = 4096,
    parameter int unsigned BufferBeats = 512,
    parameter int unsigned IndexBeats = 512,
    parameter int unsigned BookBeats = 64,
    parameter int unsigned DrainW = 2,
    parameter int unsigned AddrW = 64,
    parameter int unsigned Depth = 4,
    parameter int unsigned Tokens = 1,
    parameter int unsigned Drains = 1,
    parameter bit Gather = 1'b0,
    localparam int unsigned TokenW = (Tokens > 1) ? $clog2(Tokens) : 1,
    localparam int unsigned IdxW = $clog2(MaxInputs),
    localparam int unsigned Ends = 2 * PairsPerBeat,
    localparam int unsigned ActLineW = $clog2(MaxInputs / Width),
    localparam int unsigned PairLineW = $clog2(MaxPositions / PairsPerBeat)
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  clear_i,
    input  setup_t                setup_i,
    input  logic [     AddrW-1:0] setup_addr_i,
    input  logic [     AddrW-6:0] setup_row_i,
    input  logic [          31:0] setup_bytes_i,
    input  logic                  setup_valid_i,
    output logic                  setup_ready_o,
    input  logic [Width*ActW-1:0] act_data_i,
    input  logic [  ActLineW-1:0] act_addr_i,
    input  logic [    TokenW-1:0] act_token_i,
    input  logic                  act_last_i,
    input  logic                  act_valid_i,
    output logic                  act_free_o,
    input  logic [ Ends*IdxW-1:0] pair_data_i,
    input  logic [ PairLineW-1:0] pair_addr_i,
    input  logic                  pair_last_i,
    input  logic                  pair_valid_i,
    output logic                  pair_free_o,
    output logic [     CidxW-1:0] m_found_o,
    output logic                  m_found_valid_o,
    input  logic                  m_found_ready_i,
    output logic                  m_round_some_o,
    output logic [           2:0] m_round_subsets_o,
    output logic [           3:0] m_round_tokens_o,
    output logic                  m_round_valid_o,
    input  logic                  m_round_ready_i,
    output logic [Drains*DrainW*32-1:0] m_axis_acc_tdata,
    output logic                  m_axis_acc_tlast,
    output logic                  m_axis_acc_tvalid,
    input  logic                  m_axis_acc_tready,
    output logic [           0:0] m_axi_arid,
    output logic [     AddrW-1:0] m_axi_araddr,
    output logic [           7:0] m_axi_arlen,
    output logic [           2:0] m_axi_arsize,
    output logic [           1:0] m_axi_arburst,
    output logic [           3:0] m_axi_arcache,
    output logic [           2:0] m_axi_arprot,
    output logic                  m_axi_arvalid,
    input  logic                  m_axi_arready,
    input  logic [           0:0] m_axi_rid,
    input  logic [     BeatW-1:0] m_axi_rdata,
    input  logic [           1:0] m_axi_rresp,
    input  logic                  m_axi_rlast,
    input  logic                  m_axi_rvalid,
    output logic                  m_axi_rready,
    output logic                  port_busy_o,
    output logic                  busy_o,           // the port not counted
    output logic                  error_o,
    output logic                  error_packet_o,   // the cause is a packet_cause_e, else one of hbm_streamer
    output logic [           3:0] error_cause_o,
    output logic [     AddrW-1:0] error_addr_o
);
  localparam int unsigned LevelW = $clog2(Depth + 1);
  localparam int unsigned SlotW = (Slots > 1) ? $clog2(Slots) : 1;
  localparam int unsigned MaxBlocks = MaxPositions / Lanes;
  localparam int unsigned BlocksW = $clog2(MaxBlocks + 1);
  localparam int unsigned CountW = $clog2(Tokens + 1);
  // a window of at least 32 blocks, and longer than the slots; of 128 where many tokens keep the drain from takes
  localparam int unsigned Least = (Tokens > 4) ? 7 : 5;
  localparam int unsigned WindowW = ($clog2(Slots + 1) > Least) ? $clog2(Slots + 1) : Least;
  localparam int unsigned NarrowW = EntryW + $clog2(Lanes) + WindowW;
  // twice what a port of the HBM has in flight: there is always a burst that waits for its place there; with Gather rows would wait behind it
  localparam int unsigned MostBytes = Gather ? 4096 : 8192;
  localparam int unsigned WindowBytes = (BufferBeats * BeatW / 8 > MostBytes) ? MostBytes : BufferBeats * BeatW / 8;

  // ---- port ------------------------------------------------------------------------------------------------------------
  logic [AddrW-1:0] desc_addr, split_addr, port_addr;
  logic [31:0] desc_bytes;
  logic [AddrW+31:0] queued_desc;
  logic queued_valid, queued_ready, desc_valid, desc_ready, desc_room, split_room, setup_valid, setup_ready;
  setup_t setup;
  logic [LevelW-1:0] unused_level[6];
  logic [AddrW-6:0] split_row;
  assign setup_ready_o = desc_room && split_room;

  fifo #(
      .Width(AddrW + 32), .Depth(Depth)
  ) i_descs (
      .clk_i, .rst_ni, .clear_i, .s_data_i({setup_addr_i, setup_bytes_i}), .s_valid_i(setup_valid_i), .s_ready_o(desc_room),
      .m_data_o(queued_desc), .m_valid_o(queued_valid), .m_ready_i(queued_ready), .level_o(unused_level[0])
  );

  assign queued_ready = desc_ready || !desc_valid;
  always_ff @(posedge clk_i) begin
    if (queued_ready) {desc_addr, desc_bytes} <= queued_desc;
    if (!rst_ni || clear_i) desc_valid <= 1'b0;
    else if (queued_ready) desc_valid <= queued_valid;
  end

  fifo #(
      .Width($bits(setup_t) + 2 * AddrW - 5), .Depth(Depth)
  ) i_setups (
      .clk_i, .rst_ni, .clear_i, .s_data_i({setup_i, setup_addr_i, setup_row_i}), .s_valid_i(setup_valid_i),
      .s_ready_o(split_room), .m_data_o({setup, split_addr, split_row}), .m_valid_o(setup_valid), .m_ready_i(setup_ready), .level_o(unused_level[1])
  );

  logic [BeatW-1:0] port_beat, beat;
  logic port_last, port_valid, port_ready, beat_last, beat_valid, beat_ready, port_error, stream_busy, unused_idle;
  logic unused_tag, unused_error_tag;
  hbm_streamer_pkg::cause_e port_cause;
  // the stream's side of the port
  logic [0:0] stream_arid, stream_rid;
  logic [AddrW-1:0] stream_araddr;
  logic [7:0] stream_arlen;
  logic [2:0] stream_arsize, stream_arprot;
  logic [1:0] stream_arburst, stream_rresp;
  logic [3:0] stream_arcache;
  logic stream_arvalid, stream_arready, stream_rlast, stream_rvalid, stream_rready;
  logic [BeatW-1:0] stream_rdata;

  hbm_streamer #(
      .DataW(BeatW), .AddrW(AddrW), .TagW(1), .WindowBytes(WindowBytes), .BufferBeats(BufferBeats), .FetchDescs(32)
  ) i_port (
      .clk_i, .rst_ni, .s_desc_addr(desc_addr), .s_desc_bytes(desc_bytes), .s_desc_tag(1'b0), .s_desc_tvalid(desc_valid),
      .s_desc_tready(desc_ready), .m_axis_tdata(port_beat), .m_axis_tlast(port_last), .m_axis_tuser(unused_tag),
      .m_axis_tvalid(port_valid), .m_axis_tready(port_ready), .m_axi_arid(stream_arid), .m_axi_araddr(stream_araddr),
      .m_axi_arlen(stream_arlen), .m_axi_arsize(stream_arsize), .m_axi_arburst(stream_arburst), .m_axi_arcache(stream_arcache),
      .m_axi_arprot(stream_arprot), .m_axi_arvalid(stream_arvalid), .m_axi_arready(stream_arready), .m_axi_rid(stream_rid),
      .m_axi_rdata(stream_rdata), .m_axi_rresp(stream_rresp), .m_axi_rlast(stream_rlast), .m_axi_rvalid(stream_rvalid),
      .m_axi_rready(stream_rready), .clear_i, .busy_o(stream_busy), .idle_o(unused_idle),
      .error_o(port_error), .error_cause_o(port_cause), .error_addr_o(port_addr), .error_tag_o(unused_error_tag)
  );

  // The splitter's ready reaches the port's buffer within the cycle, its beats stop here once more.
  assign port_ready = beat_ready || !beat_valid;
  always_ff @(posedge clk_i) begin
    if (port_ready) {beat_last, beat} <= {port_last, port_beat};
    if (!rst_ni || clear_i) beat_valid <= 1'b0;
    else if (port_ready) beat_valid <= port_valid;
  end

  // ---- packets ---------------------------------------------------------------------------------------------------------
  job_t job;
  logic job_valid, work_room, round_room, row_room, lut_room, gather_room, split_busy;
  logic [AddrW-6:0] job_row;
  logic [BeatW-1:0] part;
  logic cb_search, cb_valid, cb_ready, part_idx_valid, part_idx_ready;
  packet_cause_e packet_cause;
  logic [AddrW-1:0] packet_addr;
  wire job_ready = work_room && round_room && row_room && lut_room && gather_room;
  wire sums = job.mode != ModeSearch;
  wire job_fire = job_valid && job_ready;

  linear_synth_split #(
      .Slices(Slices), .Lanes(Lanes), .Units(Units), .Slots(Slots), .AddrW(AddrW)
  ) i_split (
      .clk_i, .rst_ni, .clear_i, .s_setup_i(setup), .s_setup_addr_i(split_addr), .s_setup_row_i(split_row), .s_setup_valid_i(setup_valid),
      .s_setup_ready_o(setup_ready), .s_axis_tdata(beat), .s_axis_tlast(beat_last), .s_axis_tvalid(beat_valid),
      .s_axis_tready(beat_ready), .m_job_o(job), .m_job_row_o(job_row), .m_job_valid_o(job_valid), .m_job_ready_i(job_ready), .m_axis_tdata(part),
      .m_axis_cb_search(cb_search), .m_axis_cb_tvalid(cb_valid), .m_axis_cb_tready(cb_ready), .m_axis_idx_tvalid(part_idx_valid),
      .m_axis_idx_tready(part_idx_ready), .busy_o(split_busy), .cause_o(packet_cause), .cause_addr_o(packet_addr)
  );

  fifo #(
      .Width(8), .Depth(Depth)
  ) i_rounds (
      .clk_i, .rst_ni, .clear_i, .s_data_i({job.some, job.subsets, job.tokens}), .s_valid_i(job_fire && sums), .s_ready_o(round_room),
      .m_data_o({m_round_some_o, m_round_subsets_o, m_round_tokens_o}), .m_valid_o(m_round_valid_o), .m_ready_i(m_round_ready_i),
      .level_o(unused_level[2])
  );

  // ---- activations -----------------------------------------------------------------------------------------------------
  logic work_some, work_last, work_valid, work_ready, act_valid, act_ready, gather_busy;
  logic [15:0] work_first, work_blocks;
  logic [1:0] work_mode;
  logic [3:0] work_tokens;
  mode_e act_mode;
  logic [Tokens*2*Lanes*ActW-1:0] act;

  fifo #(
      .Width(40), .Depth(Depth)
  ) i_works (
      .clk_i, .rst_ni, .clear_i, .s_data_i({job.tokens, job.mode, job.some, job.last, job.first, job.blocks}),
      .s_valid_i(job_fire && job.work), .s_ready_o(work_room), .m_data_o({work_tokens, work_mode, work_some, work_last, work_first, work_blocks}), .m_valid_o(work_valid),
      .m_ready_i(work_ready), .level_o(unused_level[3])
  );

  linear_synth_gather #(
      .Slices(Slices), .Width(Width), .Lanes(Lanes), .ActW(ActW), .MaxInputs(MaxInputs), .MaxPositions(MaxPositions),
      .Tokens(Tokens)
  ) i_gather (
      .clk_i, .rst_ni, .clear_i, .act_data_i, .act_addr_i, .act_token_i, .act_last_i, .act_valid_i, .act_free_o, .pair_data_i, .pair_addr_i,
      .pair_last_i, .pair_valid_i, .pair_free_o, .s_job_mode_i(mode_e'(work_mode)), .s_job_some_i(work_some), .s_job_last_i(work_last),
      .s_job_first_i(work_first), .s_job_blocks_i(work_blocks), .s_job_tokens_i(work_tokens), .s_job_valid_i(work_valid), .s_job_ready_o(work_ready),
      .m_axis_mode_o(act_mode), .m_axis_tdata(act), .m_axis_tvalid(act_valid), .m_axis_tready(act_ready), .busy_o(gather_busy)
  );

  // ---- rows ------------------------------------------------------------------------------------------------------------
  logic [15:0] row_blocks;
  logic [1:0] row_code;
  logic row_job_valid, row_job_ready, row_last, row_valid, row_ready;
  logic synth_act_ready, synth_cb_ready, synth_last, synth_valid, synth_ready, entry_last, entry_valid, entry_ready;
  logic [Tokens*Lanes*EntryW-1:0] synth_entry, entry, row;
  logic unused_row_busy, row_error;
  row_synth_pkg::cause_e unused_row_cause;

  fifo #(
      .Width(18), .Depth(Depth)
  ) i_row_jobs (
      .clk_i, .rst_ni, .clear_i, .s_data_i({job.blocks, job.code}), .s_valid_i(job_fire && job.some && job.mode == ModeSynth), .s_ready_o(row_room),
      .m_data_o({row_blocks, row_code}), .m_valid_o(row_job_valid), .m_ready_i(row_job_ready), .level_o(unused_level[4])
  );

  row_synth #(
      .Lanes(Lanes), .Tokens(Tokens), .Centroids(Centroids), .ActW(ActW), .EntryW(EntryW), .MaxShift(0), .BeatW(BeatW),
      .RingBeats(BookBeats)
  ) i_rows (
      .clk_i, .rst_ni, .clear_i, .s_job_blocks(row_blocks), .s_job_code(row_code), .s_job_shift(4'd0),
      .s_job_tvalid(row_job_valid), .s_job_tready(row_job_ready), .s_axis_act_tdata(act), .s_axis_act_tvalid(act_valid && act_mode == ModeSynth),
      .s_axis_act_tready(synth_act_ready), .s_axis_cb_tdata(part), .s_axis_cb_tvalid(cb_valid && !cb_search),
      .s_axis_cb_tready(synth_cb_ready), .m_axis_row_tdata(synth_entry), .m_axis_row_tvalid(synth_valid),
      .m_axis_row_tready(synth_ready), .m_axis_row_tlast(synth_last), .busy_o(unused_row_busy), .error_o(row_error), .cause_o(unused_row_cause)
  );

  logic rows_busy, rows_error;
  hbm_streamer_pkg::cause_e rows_cause;
  logic [AddrW-1:0] rows_addr;
  assign port_busy_o = stream_busy || rows_busy;
  if (Gather) begin : gen_rows
    logic rows_act_ready, rows_cb_ready;
    assign act_ready = (act_mode == ModeSynth) ? synth_act_ready : rows_act_ready;
    assign cb_ready  = cb_search ? rows_cb_ready : synth_cb_ready;
    linear_synth_rows #(
        .Lanes(Lanes), .EntryW(EntryW), .ActW(ActW), .AddrW(AddrW), .Depth(Depth), .Tokens(Tokens)
    ) i_rows (
        .clk_i, .rst_ni, .clear_i, .s_job_mode_i(job.mode), .s_job_blocks_i(job.blocks), .s_job_row_i(job_row),
        .s_job_valid_i(job_fire && job.some && sums), .s_job_ready_o(gather_room), .s_axis_act_mode_i(act_mode),
        .s_axis_act_tdata(act[2*Lanes*ActW-1:0]), .s_axis_act_tvalid(act_valid && act_mode != ModeSynth),
        .s_axis_act_tready(rows_act_ready), .s_axis_cb_tdata(part), .s_axis_cb_tvalid(cb_valid && cb_search),
        .s_axis_cb_tready(rows_cb_ready), .m_found_o, .m_found_valid_o, .m_found_ready_i,
        .s_axis_row_tdata(synth_entry), .s_axis_row_tlast(synth_last), .s_axis_row_tvalid(synth_valid),
        .s_axis_row_tready(synth_ready), .m_axis_row_tdata(entry), .m_axis_row_tlast(entry_last),
        .m_axis_row_tvalid(entry_valid), .m_axis_row_tready(entry_ready),
        .s_axi_araddr(stream_araddr), .s_axi_arlen(stream_arlen), .s_axi_arsize(stream_arsize), .s_axi_arburst(stream_arburst),
        .s_axi_arcache(stream_arcache), .s_axi_arprot(stream_arprot), .s_axi_arvalid(stream_arvalid),
        .s_axi_arready(stream_arready), .s_axi_rid(stream_rid), .s_axi_rdata(stream_rdata), .s_axi_rresp(stream_rresp),
        .s_axi_rlast(stream_rlast), .s_axi_rvalid(stream_rvalid), .s_axi_rready(stream_rready),
        .m_axi_arid, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst, .m_axi_arcache, .m_axi_arprot,
        .m_axi_arvalid, .m_axi_arready, .m_axi_rid, .m_axi_rdata, .m_axi_rresp, .m_axi_rlast, .m_axi_rvalid, .m_axi_rready,
        .port_busy_o(rows_busy), .error_o(rows_error), .cause_o(rows_cause), .addr_o(rows_addr)
    );
    wire unused = ^stream_arid;
  end else begin : gen_no_rows
    assign act_ready       = synth_act_ready;
    assign cb_ready        = synth_cb_ready;
    assign gather_room     = 1'b1;
    assign m_found_o       = '0;
    assign m_found_valid_o = 1'b0;
    assign entry           = synth_entry;
    assign entry_last      = synth_last;
    assign entry_valid     = synth_valid;
    assign synth_ready     = entry_ready;
    assign m_axi_arid      = stream_arid;
    assign m_axi_araddr    = stream_araddr;
    assign m_axi_arlen     = stream_arlen;
    assign m_axi_arsize    = stream_arsize;
    assign m_axi_arburst   = stream_arburst;
    assign m_axi_arcache   = stream_arcache;
    assign m_axi_arprot    = stream_arprot;
    assign m_axi_arvalid   = stream_arvalid;
    assign stream_arready  = m_axi_arready;
    assign stream_rid      = m_axi_rid;
    assign stream_rdata    = m_axi_rdata;
    assign stream_rresp    = m_axi_rresp;
    assign stream_rlast    = m_axi_rlast;
    assign stream_rvalid   = m_axi_rvalid;
    assign m_axi_rready    = stream_rready;
    assign rows_busy       = 1'b0;
    assign rows_error      = 1'b0;
    assign rows_cause      = hbm_streamer_pkg::CauseNone;
    assign rows_addr       = '0;
    wire unused = ^{m_found_ready_i, job_row, act_mode, cb_search};
  end

  spill_register #(
      .Width(Tokens * Lanes * EntryW + 1)
  ) i_row (
      .clk_i, .rst_ni(rst_ni && !clear_i), .s_data_i({entry_last, entry}), .s_valid_i(entry_valid), .s_ready_o(entry_ready),
      .m_data_o({row_last, row}), .m_valid_o(row_valid), .m_ready_i(row_ready)
  );

  // ---- lookups ---------------------------------------------------------------------------------------------------------
  logic [BlocksW-1:0] lut_blocks;
  logic [SlotW:0] lut_slots;
  logic [1:0] lut_code;
  logic [CountW-1:0] lut_tokens;
  logic lut_valid, lut_ready, idx_valid, idx_ready, unused_start_ready;
  logic [BeatW-1:0] idx;
  logic [$clog2(IndexBeats+3)-1:0] unused_idx_level;

  fifo #(
      .Width(BlocksW + SlotW + 3 + CountW), .Depth(Depth)
  ) i_lut_jobs (
      .clk_i, .rst_ni, .clear_i, .s_data_i({BlocksW'(job.blocks), (SlotW + 1)'(job.slots), job.code, CountW'(job.tokens)}),
      .s_valid_i(job_fire && job.some && sums), .s_ready_o(lut_room), .m_data_o({lut_blocks, lut_slots, lut_code, lut_tokens}),
      .m_valid_o(lut_valid), .m_ready_i(lut_ready), .level_o(unused_level[5])
  );

  fifo_block #(
      .Width(BeatW), .Depth(IndexBeats), .Style((IndexBeats >= 1024) ? "ultra" : "block")
  ) i_indices (
      .clk_i, .rst_ni, .clear_i, .s_data_i(part), .s_valid_i(part_idx_valid), .s_ready_o(part_idx_ready), .m_data_o(idx),
      .m_valid_o(idx_valid), .m_ready_i(idx_ready), .level_o(unused_idx_level)
  );

  lut2d #(
      .Lanes(Lanes), .Units(Units), .Slots(Slots), .Centroids(Centroids), .EntryW(EntryW), .Tokens(Tokens), .NarrowW(NarrowW), .AccW(32),
      .DrainW(DrainW), .MaxBlocks(MaxBlocks), .BeatW(BeatW), .SumPromised(1'b1), .Start(1'b0), .Drains(Drains)
  ) i_lut (
      .clk_i, .rst_ni(rst_ni && !clear_i), .s_job_blocks_i(lut_blocks), .s_job_slots_i(lut_slots),
      .s_job_code_i(lut_code), .s_job_tokens_i(lut_tokens), .s_job_valid_i(lut_valid), .s_job_ready_o(lut_ready), .s_axis_row_tdata(row),
      .s_axis_row_tlast(row_last), .s_axis_row_tvalid(row_valid), .s_axis_row_tready(row_ready), .s_axis_idx_tdata(idx),
      .s_axis_idx_tvalid(idx_valid), .s_axis_idx_tready(idx_ready), .s_axis_start_tdata('0), .s_axis_start_tvalid(1'b0),
      .s_axis_start_tready(unused_start_ready), .m_axis_acc_tdata, .m_axis_acc_tlast, .m_axis_acc_tvalid, .m_axis_acc_tready
  );

  // ---- status ----------------------------------------------------------------------------------------------------------
  wire packet_error = packet_cause != PacketNone;
  always_ff @(posedge clk_i) begin
    busy_o         <= queued_valid || desc_valid || setup_valid || split_busy || gather_busy;
    error_packet_o <= packet_error && !port_error && !rows_error;
    error_cause_o  <= port_error ? 4'(port_cause) : rows_error ? 4'(rows_cause) : 4'(packet_cause);
    error_addr_o   <= port_error ? port_addr : rows_error ? rows_addr : packet_addr;
    if (!rst_ni || clear_i) error_o <= 1'b0;
    else error_o <= port_error || rows_error || packet_error;
  end

  a_setup_has_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) setup_valid_i |-> desc_room && split_room);
  a_row_jobs_legal :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) !row_error);
endmodule
