// linear_covq: a whole co-quantised linear layer, group by group: search, rows, lookups, from a memory image to accumulators.
//
//   c[t][p] = argmin over i of the Chebyshev distance of vector x[t][p] and act_centroid[p][i]
//   acc[t][n] = start[n] + sum over p of  table[p][c[t][p]][index[p][n]] << exponent[p]
//
// One command is one group (up to Units*Slots outputs) of one linear for one token (gather: rows fetched from memory, decode) or
// for up to MaxTokens tokens (table: the group's table is loaded and shared, prefill). Access runs ahead of execution: codebooks,
// packets and tables of later commands are read while an earlier command computes; only search and gather wait for activations.
//
//   m_axi_cb -> codebooks -> centroid_search <- s_axis_vec          m_axi_row -> row_gather | row_table -> rows -+
//                                  +-> index banks -> (row sources)                                              +-> lut2d -> m_axis_acc
//                                                                   m_axi_idx -> packet -> start values, indices +
//
// Memory:     codebook [position][C][2] int8 at cb_addr; packet: start values [n] int32, then the index stream of lut2d, at
//             packet_addr; row memory: gather [position][centroid][group][K] with row_stride and row_offset as row_gather has it,
//             table [position][centroid][K] as row_table has it. Addresses and packet_bytes are multiples of a beat.
// Vectors:    s_axis_vec: x0 low, x1 high, signed ActW bits; [position][token]; only for commands with search = 1. A command with
//             search = 0 uses the indices of the last search (same positions and tokens), e.g. K and V after Q.
// Outputs:    m_axis_acc as lut2d: per pass of Tokens tokens the accumulators [n], DrainW a beat for every token side by side; tlast
//             on a pass's last beat. A command has ceil(tokens/Tokens) passes; in gather mode only token 0 counts.
// Numbers:    those of centroid_search, row_gather, row_table and lut2d; exact integers.
// Latency:    of the parts; measured end to end in docs/cores/linear_covq.md.
// Throughput: a command takes about passes * blocks * max(slots, K, index beats) cycles when memory keeps up; gather needs one
//             beat on m_axi_row and C/16 beats on m_axi_cb a position, table positions * C * K * EntryW / BeatW beats a command.
// Back-pressure: every stream may stall; nothing is lost.
// Errors:     error_o with source and cause; no new command is taken; clear_i (one cycle) drops everything, waits for the reads in
//             flight (idle_o tells) and starts afresh. Illegal commands (FromCommand) do no memory access.
// Reset:      synchronous, active low; the memory side must be reset with it (AXI).
//
// Parameters:
//   Lanes, Units, Slots, Centroids, EntryW, Tokens, AccW, DrainW, BeatW   as in lut2d
//   ActCentroids, SearchUnits, ChainLen, ActW                            as in centroid_search
//   TablePositions  as in row_table
//   MaxPositions    positions of a linear at most (index banks)
//   MaxTokens       tokens of a command at most
//   BufferBeats     run-ahead of each memory port, in beats
//   Depth           commands queued
module linear_covq
  import linear_covq_pkg::*;
#(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Units = 32,
    parameter int unsigned Slots = 16,
    parameter int unsigned Centroids = 16,
    parameter int unsigned EntryW = 8,
    parameter int unsigned Tokens = 8,
    parameter int unsigned AccW = 28,
    parameter int unsigned DrainW = 2,
    parameter int unsigned ActCentroids = 64,
    parameter int unsigned SearchUnits = 64,
    parameter int unsigned ChainLen = 1,
    parameter int unsigned ActW = 8,
    parameter int unsigned TablePositions = 512,
    parameter int unsigned MaxPositions = 512,
    parameter int unsigned MaxTokens = 32,
    parameter int unsigned BufferBeats = 512,
    parameter int unsigned Depth = 4,
    localparam int unsigned BeatW = 256
) (
    input  logic                        clk_i,
    input  logic                        rst_ni,
    // command: one group of one linear
    input  logic                        s_cmd_table,         // 0: gather, 1: table
    input  logic                        s_cmd_search,        // 1: search a new input first
    input  logic [                 1:0] s_cmd_k_code,        // weight centroids 16 << k_code
    input  logic [                 1:0] s_cmd_c_code,        // activation centroids 16 << c_code
    input  logic [                15:0] s_cmd_positions,     // a multiple of Lanes
    input  logic [                15:0] s_cmd_tokens,        // 1 for gather
    input  logic [                 7:0] s_cmd_slots,         // ceil(outputs / Units)
    input  logic [                63:0] s_cmd_cb_addr,
    input  logic [                63:0] s_cmd_packet_addr,
    input  logic [                31:0] s_cmd_packet_bytes,
    input  logic [                63:0] s_cmd_row_addr,
    input  logic [                15:0] s_cmd_row_stride,    // gather
    input  logic [                15:0] s_cmd_row_offset,    // gather
    input  logic                        s_cmd_tvalid,
    output logic                        s_cmd_tready,
    // activations and results
    input  logic [          2*ActW-1:0] s_axis_vec_tdata,
    input  logic                        s_axis_vec_tvalid,
    output logic                        s_axis_vec_tready,
    output logic [Tokens*DrainW*32-1:0] m_axis_acc_tdata,
    output logic                        m_axis_acc_tlast,
    output logic                        m_axis_acc_tvalid,
    input  logic                        m_axis_acc_tready,
    // memory ports: codebooks, packets, rows
    output logic [                 0:0] m_axi_cb_arid,
    output logic [                63:0] m_axi_cb_araddr,
    output logic [                 7:0] m_axi_cb_arlen,
    output logic [                 2:0] m_axi_cb_arsize,
    output logic [                 1:0] m_axi_cb_arburst,
    output logic [                 3:0] m_axi_cb_arcache,
    output logic [                 2:0] m_axi_cb_arprot,
    output logic                        m_axi_cb_arvalid,
    input  logic                        m_axi_cb_arready,
    input  logic [                 0:0] m_axi_cb_rid,
    input  logic [           BeatW-1:0] m_axi_cb_rdata,
    input  logic [                 1:0] m_axi_cb_rresp,
    input  logic                        m_axi_cb_rlast,
    input  logic                        m_axi_cb_rvalid,
    output logic                        m_axi_cb_rready,
    output logic [                 0:0] m_axi_idx_arid,
    output logic [                63:0] m_axi_idx_araddr,
    output logic [                 7:0] m_axi_idx_arlen,
    output logic [                 2:0] m_axi_idx_arsize,
    output logic [                 1:0] m_axi_idx_arburst,
    output logic [                 3:0] m_axi_idx_arcache,
    output logic [                 2:0] m_axi_idx_arprot,
    output logic                        m_axi_idx_arvalid,
    input  logic                        m_axi_idx_arready,
    input  logic [                 0:0] m_axi_idx_rid,
    input  logic [           BeatW-1:0] m_axi_idx_rdata,
    input  logic [                 1:0] m_axi_idx_rresp,
    input  logic                        m_axi_idx_rlast,
    input  logic                        m_axi_idx_rvalid,
    output logic                        m_axi_idx_rready,
    output logic [                 0:0] m_axi_row_arid,
    output logic [                63:0] m_axi_row_araddr,
    output logic [                 7:0] m_axi_row_arlen,
    output logic [                 2:0] m_axi_row_arsize,
    output logic [                 1:0] m_axi_row_arburst,
    output logic [                 3:0] m_axi_row_arcache,
    output logic [                 2:0] m_axi_row_arprot,
    output logic                        m_axi_row_arvalid,
    input  logic                        m_axi_row_arready,
    input  logic [                 0:0] m_axi_row_rid,
    input  logic [           BeatW-1:0] m_axi_row_rdata,
    input  logic [                 1:0] m_axi_row_rresp,
    input  logic                        m_axi_row_rlast,
    input  logic                        m_axi_row_rvalid,
    output logic                        m_axi_row_rready,
    // control and status
    input  logic                        clear_i,
    output logic                        idle_o,              // nothing under way: no command, no read
    output logic                        error_o,
    output error_source_e               error_source_o,
    output logic [                 3:0] error_cause_o
);
  localparam int unsigned CidxW = $clog2(ActCentroids);
  localparam int unsigned LevelW = $clog2(Depth + 1);
  localparam int unsigned TokenShift = $clog2(Tokens);
  localparam int unsigned MaxBlocks = MaxPositions / Lanes;

  if (Tokens != 1 << TokenShift) $error("%m: Tokens is %0d, allowed: powers of two", Tokens);
  if (MaxTokens < Tokens || MaxTokens % Tokens != 0)
    $error("%m: MaxTokens is %0d, allowed: multiples of Tokens = %0d", MaxTokens, Tokens);
  if (MaxPositions % Lanes != 0 || MaxPositions > 32768)
    $error("%m: MaxPositions is %0d, allowed: multiples of Lanes up to 32768", MaxPositions);
  if (!(ActCentroids inside {16, 32, 64})) $error("%m: ActCentroids is %0d, allowed: 16, 32, 64", ActCentroids);

  // ---- clear: held long enough for every pipeline stage to forget --------------------------------------------------
  logic [2:0] clear_q;
  wire clear = clear_i || clear_q != '0;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) clear_q <= '0;
    else clear_q <= clear_i ? '1 : clear_q == '0 ? '0 : clear_q - 3'd1;
  end

  // ---- commands: judged, then handed to all units in one cycle -------------------------------------------------------
  command_t cmd_in, cmd;
  logic cmd_valid, cmd_take, cmd_busy, cmd_refused, stop;
  logic fetch_ready, rows_ready, search_ready, write_ready, read_ready, packet_ready, job_ready;

  assign cmd_in = '{
          table_mode: s_cmd_table,
          search: s_cmd_search,
          k_code: s_cmd_k_code,
          c_code: s_cmd_c_code,
          positions: s_cmd_positions,
          tokens: s_cmd_tokens,
          passes: (s_cmd_tokens + 16'(Tokens - 1)) >> TokenShift,
          slots: s_cmd_slots,
          cb_addr: s_cmd_cb_addr,
          packet_addr: s_cmd_packet_addr,
          packet_bytes: s_cmd_packet_bytes,
          row_addr: s_cmd_row_addr,
          row_stride: s_cmd_row_stride,
          row_offset: s_cmd_row_offset
      };

  linear_covq_judge #(
      .Lanes(Lanes), .Slots(Slots), .Centroids(Centroids), .ActCentroids(ActCentroids), .TablePositions(TablePositions),
      .MaxPositions(MaxPositions), .MaxTokens(MaxTokens)
  ) i_judge (
      .clk_i, .rst_ni, .clear_i(clear), .stop_i(stop), .s_cmd_i(cmd_in), .s_valid_i(s_cmd_tvalid),
      .s_ready_o(s_cmd_tready), .m_cmd_o(cmd), .m_valid_o(cmd_valid), .m_ready_i(cmd_take), .busy_o(cmd_busy),
      .refused_o(cmd_refused)
  );
  assign cmd_take = cmd_valid && fetch_ready && rows_ready && search_ready && write_ready && read_ready && packet_ready
      && job_ready;

  // ---- memory ports --------------------------------------------------------------------------------------------------
  logic [63:0] cb_addr, idx_addr, row_addr;
  logic [31:0] cb_bytes, idx_bytes, row_bytes;
  logic [7:0] cb_tag, row_tag, cb_user, row_user, unused_idx_user;
  logic cb_valid, cb_ready, idx_valid, idx_ready, row_valid, row_ready;
  logic [BeatW-1:0] cb_data, idx_data, row_data;
  logic cb_beat_valid, cb_beat_ready, idx_beat_valid, idx_beat_ready, row_beat_valid, row_beat_ready;
  logic unused_cb_last, idx_last, row_last;
  logic [2:0] port_busy, unused_idle, port_error;
  hbm_streamer_pkg::cause_e port_cause[3];
  logic [63:0] unused_error_addr[3];
  logic [7:0] unused_error_tag[3];

  linear_covq_fetch #(
      .Depth(Depth)
  ) i_fetch (
      .clk_i, .rst_ni, .clear_i(clear), .s_cmd_i(cmd), .s_cmd_valid_i(cmd_take), .s_cmd_ready_o(fetch_ready),
      .m_cb_addr_o(cb_addr), .m_cb_bytes_o(cb_bytes), .m_cb_tag_o(cb_tag), .m_cb_valid_o(cb_valid),
      .m_cb_ready_i(cb_ready), .m_idx_addr_o(idx_addr), .m_idx_bytes_o(idx_bytes), .m_idx_valid_o(idx_valid),
      .m_idx_ready_i(idx_ready)
  );

  hbm_streamer #(
      .DataW(BeatW), .BufferBeats(BufferBeats)
  ) i_cb_port (
      .clk_i, .rst_ni, .s_desc_addr(cb_addr), .s_desc_bytes(cb_bytes), .s_desc_tag(cb_tag), .s_desc_tvalid(cb_valid),
      .s_desc_tready(cb_ready), .m_axis_tdata(cb_data), .m_axis_tlast(unused_cb_last), .m_axis_tuser(cb_user),
      .m_axis_tvalid(cb_beat_valid), .m_axis_tready(cb_beat_ready), .m_axi_arid(m_axi_cb_arid),
      .m_axi_araddr(m_axi_cb_araddr), .m_axi_arlen(m_axi_cb_arlen), .m_axi_arsize(m_axi_cb_arsize),
      .m_axi_arburst(m_axi_cb_arburst), .m_axi_arcache(m_axi_cb_arcache), .m_axi_arprot(m_axi_cb_arprot),
      .m_axi_arvalid(m_axi_cb_arvalid), .m_axi_arready(m_axi_cb_arready), .m_axi_rid(m_axi_cb_rid),
      .m_axi_rdata(m_axi_cb_rdata), .m_axi_rresp(m_axi_cb_rresp), .m_axi_rlast(m_axi_cb_rlast),
      .m_axi_rvalid(m_axi_cb_rvalid), .m_axi_rready(m_axi_cb_rready), .clear_i(clear), .busy_o(port_busy[0]),
      .idle_o(unused_idle[0]), .error_o(port_error[0]), .error_cause_o(port_cause[0]),
      .error_addr_o(unused_error_addr[0]), .error_tag_o(unused_error_tag[0])
  );

  hbm_streamer #(
      .DataW(BeatW), .BufferBeats(BufferBeats)
  ) i_idx_port (
      .clk_i, .rst_ni, .s_desc_addr(idx_addr), .s_desc_bytes(idx_bytes), .s_desc_tag(8'd0), .s_desc_tvalid(idx_valid),
      .s_desc_tready(idx_ready), .m_axis_tdata(idx_data), .m_axis_tlast(idx_last), .m_axis_tuser(unused_idx_user),
      .m_axis_tvalid(idx_beat_valid), .m_axis_tready(idx_beat_ready), .m_axi_arid(m_axi_idx_arid),
      .m_axi_araddr(m_axi_idx_araddr), .m_axi_arlen(m_axi_idx_arlen), .m_axi_arsize(m_axi_idx_arsize),
      .m_axi_arburst(m_axi_idx_arburst), .m_axi_arcache(m_axi_idx_arcache), .m_axi_arprot(m_axi_idx_arprot),
      .m_axi_arvalid(m_axi_idx_arvalid), .m_axi_arready(m_axi_idx_arready), .m_axi_rid(m_axi_idx_rid),
      .m_axi_rdata(m_axi_idx_rdata), .m_axi_rresp(m_axi_idx_rresp), .m_axi_rlast(m_axi_idx_rlast),
      .m_axi_rvalid(m_axi_idx_rvalid), .m_axi_rready(m_axi_idx_rready), .clear_i(clear), .busy_o(port_busy[1]),
      .idle_o(unused_idle[1]), .error_o(port_error[1]), .error_cause_o(port_cause[1]),
      .error_addr_o(unused_error_addr[1]), .error_tag_o(unused_error_tag[1])
  );

  hbm_streamer #(
      .DataW(BeatW), .BufferBeats(BufferBeats)
  ) i_row_port (
      .clk_i, .rst_ni, .s_desc_addr(row_addr), .s_desc_bytes(row_bytes), .s_desc_tag(row_tag), .s_desc_tvalid(row_valid),
      .s_desc_tready(row_ready), .m_axis_tdata(row_data), .m_axis_tlast(row_last), .m_axis_tuser(row_user),
      .m_axis_tvalid(row_beat_valid), .m_axis_tready(row_beat_ready), .m_axi_arid(m_axi_row_arid),
      .m_axi_araddr(m_axi_row_araddr), .m_axi_arlen(m_axi_row_arlen), .m_axi_arsize(m_axi_row_arsize),
      .m_axi_arburst(m_axi_row_arburst), .m_axi_arcache(m_axi_row_arcache), .m_axi_arprot(m_axi_row_arprot),
      .m_axi_arvalid(m_axi_row_arvalid), .m_axi_arready(m_axi_row_arready), .m_axi_rid(m_axi_row_rid),
      .m_axi_rdata(m_axi_row_rdata), .m_axi_rresp(m_axi_row_rresp), .m_axi_rlast(m_axi_row_rlast),
      .m_axi_rvalid(m_axi_row_rvalid), .m_axi_rready(m_axi_row_rready), .clear_i(clear), .busy_o(port_busy[2]),
      .idle_o(unused_idle[2]), .error_o(port_error[2]), .error_cause_o(port_cause[2]),
      .error_addr_o(unused_error_addr[2]), .error_tag_o(unused_error_tag[2])
  );

  // ---- search --------------------------------------------------------------------------------------------------------
  logic [15:0] search_positions, search_tokens, write_positions;
  logic search_valid, search_done, write_valid, write_done;
  logic [CidxW-1:0] found_data, cidx_data;
  logic found_last, found_valid, found_ready, cidx_table, cidx_valid, cidx_ready;
  logic [LevelW-1:0] unused_level[3];

  fifo #(
      .Width(32), .Depth(Depth)
  ) i_search_jobs (
      .clk_i, .rst_ni, .clear_i(clear), .s_data_i({cmd.positions, cmd.tokens}), .s_valid_i(cmd_take && cmd.search),
      .s_ready_o(search_ready), .m_data_o({search_positions, search_tokens}), .m_valid_o(search_valid),
      .m_ready_i(search_done), .level_o(unused_level[0])
  );

  linear_covq_search #(
      .ActCentroids(ActCentroids), .SearchUnits(SearchUnits), .ChainLen(ChainLen), .ActW(ActW), .BeatW(BeatW)
  ) i_search (
      .clk_i, .rst_ni, .clear_i(clear), .s_job_positions_i(search_positions), .s_job_tokens_i(search_tokens),
      .s_job_valid_i(search_valid), .s_job_ready_o(search_done), .s_axis_cb_tdata(cb_data), .s_axis_cb_tuser(cb_user[1:0]),
      .s_axis_cb_tvalid(cb_beat_valid), .s_axis_cb_tready(cb_beat_ready), .s_axis_vec_tdata, .s_axis_vec_tvalid,
      .s_axis_vec_tready, .m_axis_cidx_tdata(found_data), .m_axis_cidx_tlast(found_last),
      .m_axis_cidx_tvalid(found_valid), .m_axis_cidx_tready(found_ready)
  );

  fifo #(
      .Width(16), .Depth(Depth)
  ) i_write_jobs (
      .clk_i, .rst_ni, .clear_i(clear), .s_data_i(cmd.positions), .s_valid_i(cmd_take && cmd.search), .s_ready_o(write_ready),
      .m_data_o(write_positions), .m_valid_o(write_valid), .m_ready_i(write_done), .level_o(unused_level[1])
  );

  logic read_search, read_table, read_valid, read_done;
  logic [15:0] read_positions, read_tokens, read_passes;
  fifo #(
      .Width(2 + 3 * 16), .Depth(Depth)
  ) i_read_jobs (
      .clk_i, .rst_ni, .clear_i(clear), .s_data_i({cmd.search, cmd.table_mode, cmd.positions, cmd.tokens, cmd.passes}),
      .s_valid_i(cmd_take), .s_ready_o(read_ready),
      .m_data_o({read_search, read_table, read_positions, read_tokens, read_passes}), .m_valid_o(read_valid),
      .m_ready_i(read_done), .level_o(unused_level[2])
  );

  linear_covq_indices #(
      .Lanes(Lanes), .Tokens(Tokens), .MaxPositions(MaxPositions), .MaxTokens(MaxTokens), .CidxW(CidxW)
  ) i_indices (
      .clk_i, .rst_ni, .clear_i(clear), .s_write_positions_i(write_positions), .s_write_valid_i(write_valid),
      .s_write_ready_o(write_done), .s_axis_cidx_tdata(found_data), .s_axis_cidx_tlast(found_last),
      .s_axis_cidx_tvalid(found_valid), .s_axis_cidx_tready(found_ready), .s_read_search_i(read_search),
      .s_read_table_i(read_table), .s_read_positions_i(read_positions), .s_read_tokens_i(read_tokens),
      .s_read_passes_i(read_passes), .s_read_valid_i(read_valid), .s_read_ready_o(read_done),
      .m_axis_cidx_tdata(cidx_data), .m_axis_cidx_ttable(cidx_table), .m_axis_cidx_tvalid(cidx_valid),
      .m_axis_cidx_tready(cidx_ready)
  );

  // ---- rows ----------------------------------------------------------------------------------------------------------
  logic [Tokens*Lanes*EntryW-1:0] entry_data;
  logic entry_last, entry_valid, entry_ready, rows_busy;
  row_gather_pkg::cause_e gather_cause;
  row_table_pkg::cause_e table_cause;

  linear_covq_rows #(
      .Lanes(Lanes), .Tokens(Tokens), .Centroids(Centroids), .ActCentroids(ActCentroids), .EntryW(EntryW),
      .BeatW(BeatW), .TablePositions(TablePositions), .Depth(Depth)
  ) i_rows (
      .clk_i, .rst_ni, .clear_i(clear), .s_cmd_i(cmd), .s_cmd_valid_i(cmd_take), .s_cmd_ready_o(rows_ready),
      .s_axis_cidx_tdata(cidx_data), .s_axis_cidx_ttable(cidx_table), .s_axis_cidx_tvalid(cidx_valid),
      .s_axis_cidx_tready(cidx_ready), .m_desc_addr(row_addr), .m_desc_bytes(row_bytes), .m_desc_tag(row_tag),
      .m_desc_tvalid(row_valid), .m_desc_tready(row_ready), .s_axis_beat_tdata(row_data), .s_axis_beat_tlast(row_last),
      .s_axis_beat_tuser(row_user), .s_axis_beat_tvalid(row_beat_valid), .s_axis_beat_tready(row_beat_ready),
      .m_axis_row_tdata(entry_data), .m_axis_row_tlast(entry_last), .m_axis_row_tvalid(entry_valid),
      .m_axis_row_tready(entry_ready), .busy_o(rows_busy), .gather_cause_o(gather_cause), .table_cause_o(table_cause)
  );

  // ---- packets: one per pass -----------------------------------------------------------------------------------------
  logic [7:0] packet_slots;
  logic packet_valid, packet_job_ready;
  logic [BeatW-1:0] index_data;
  logic index_valid, index_ready, start_valid, start_ready;
  logic [DrainW*32-1:0] start_data;

  linear_covq_repeat #(
      .Width(8), .Depth(Depth)
  ) i_packet_jobs (
      .clk_i, .rst_ni, .clear_i(clear), .s_data_i(cmd.slots), .s_times_i(cmd.passes), .s_valid_i(cmd_take),
      .s_ready_o(packet_ready), .m_data_o(packet_slots), .m_valid_o(packet_valid), .m_ready_i(packet_job_ready)
  );

  linear_covq_packet #(
      .Units(Units), .Slots(Slots), .DrainW(DrainW), .BeatW(BeatW)
  ) i_packet (
      .clk_i, .rst_ni, .clear_i(clear), .s_job_slots_i(packet_slots), .s_job_valid_i(packet_valid),
      .s_job_ready_o(packet_job_ready), .s_axis_tdata(idx_data), .s_axis_tlast(idx_last), .s_axis_tvalid(idx_beat_valid),
      .s_axis_tready(idx_beat_ready), .m_axis_idx_tdata(index_data), .m_axis_idx_tvalid(index_valid),
      .m_axis_idx_tready(index_ready), .m_axis_start_tdata(start_data), .m_axis_start_tvalid(start_valid),
      .m_axis_start_tready(start_ready)
  );

  // ---- lookups -------------------------------------------------------------------------------------------------------
  localparam int unsigned BlocksW = $clog2(MaxBlocks + 1);
  localparam int unsigned SlotW = (Slots > 1) ? $clog2(Slots) : 1;
  logic [15:0] lut_positions, results_q;
  logic [7:0] lut_slots;
  logic [1:0] lut_code;
  logic lut_valid, lut_ready;

  linear_covq_repeat #(
      .Width(16 + 8 + 2), .Depth(Depth)
  ) i_lut_jobs (
      .clk_i, .rst_ni, .clear_i(clear), .s_data_i({cmd.positions, cmd.slots, cmd.k_code}), .s_times_i(cmd.passes),
      .s_valid_i(cmd_take), .s_ready_o(job_ready), .m_data_o({lut_positions, lut_slots, lut_code}),
      .m_valid_o(lut_valid), .m_ready_i(lut_ready)
  );

  lut2d #(
      .Lanes(Lanes), .Units(Units), .Slots(Slots), .Centroids(Centroids), .EntryW(EntryW), .Tokens(Tokens), .AccW(AccW),
      .DrainW(DrainW), .MaxBlocks(MaxBlocks), .BeatW(BeatW)
  ) i_lut2d (
      .clk_i, .rst_ni(rst_ni && !clear), .s_job_blocks_i(BlocksW'(lut_positions / 16'(Lanes))),
      .s_job_slots_i((SlotW + 1)'(lut_slots)), .s_job_code_i(lut_code), .s_job_tokens_i('0), .s_job_valid_i(lut_valid),
      .s_job_ready_o(lut_ready), .s_axis_row_tdata(entry_data), .s_axis_row_tlast(entry_last),
      .s_axis_row_tvalid(entry_valid), .s_axis_row_tready(entry_ready), .s_axis_idx_tdata(index_data),
      .s_axis_idx_tvalid(index_valid), .s_axis_idx_tready(index_ready), .s_axis_start_tdata(start_data),
      .s_axis_start_tvalid(start_valid), .s_axis_start_tready(start_ready), .m_axis_acc_tdata, .m_axis_acc_tlast,
      .m_axis_acc_tvalid, .m_axis_acc_tready
  );

  wire lut_take = lut_valid && lut_ready;
  wire result_end = m_axis_acc_tvalid && m_axis_acc_tready && m_axis_acc_tlast;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear) results_q <= '0;
    else if (lut_take != result_end) results_q <= lut_take ? results_q + 16'd1 : results_q - 16'd1;
  end

  // ---- status --------------------------------------------------------------------------------------------------------
  // Registered, because both look at everything; a command just taken shows at once.
  logic quiet_q, stop_q;
  always_ff @(posedge clk_i) begin
    quiet_q <= !cmd_busy && !search_valid && !read_valid && !packet_valid && !lut_valid && !rows_busy && results_q == '0
        && port_busy == '0 && !clear;
    if (!rst_ni) stop_q <= 1'b0;
    else stop_q <= error_o || clear;
  end
  assign idle_o  = quiet_q && !cmd_busy;
  assign error_o = error_source_o != FromNone;
  assign stop    = stop_q;

  always_comb begin
    error_source_o = FromNone;
    error_cause_o  = '0;
    if (cmd_refused) begin
      error_source_o = FromCommand;
      error_cause_o  = 4'd1;
    end
    if (table_cause != row_table_pkg::CauseNone) begin
      error_source_o = FromTable;
      error_cause_o  = 4'(table_cause);
    end
    if (gather_cause != row_gather_pkg::CauseNone) begin
      error_source_o = FromGather;
      error_cause_o  = 4'(gather_cause);
    end
    for (int i = 2; i >= 0; i--) begin
      if (port_error[i]) begin
        error_source_o = error_source_e'(3'(i + 1));
        error_cause_o  = 4'(port_cause[i]);
      end
    end
  end

  a_no_command_after_an_error :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear) error_o |=> !cmd_take && !s_cmd_tready);
  a_results :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear) result_end |-> results_q != '0);
endmodule
