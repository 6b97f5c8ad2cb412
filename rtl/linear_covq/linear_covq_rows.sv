// linear_covq_rows: the two row sources behind one memory port and in front of one row stream.
//
// Commands in table mode load the group's table through row_table (one read), commands in gather mode fetch one row a position
// through row_gather. Reads leave, and rows come, in the order of the commands; the next table loads while the last one is used.
//
// Latency, throughput: those of row_table and row_gather, reads a cycle later; switching the row stream between them costs 1 cycle.
// Back-pressure: reads wait for the streamer, beats for the source they belong to (tag 0 gather, 1 table).
//
// Parameters: as in row_table and row_gather; Depth  commands queued
module linear_covq_rows
  import linear_covq_pkg::*;
#(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Tokens = 8,
    parameter int unsigned Centroids = 16,
    parameter int unsigned ActCentroids = 64,
    parameter int unsigned EntryW = 8,
    parameter int unsigned BeatW = 256,
    parameter int unsigned TablePositions = 512,
    parameter int unsigned Depth = 4,
    localparam int unsigned CidxW = $clog2(ActCentroids)
) (
    input  logic                           clk_i,
    input  logic                           rst_ni,
    input  logic                           clear_i,
    input  command_t                       s_cmd_i,
    input  logic                           s_cmd_valid_i,
    output logic                           s_cmd_ready_o,
    input  logic [              CidxW-1:0] s_axis_cidx_tdata,
    input  logic                           s_axis_cidx_ttable,
    input  logic                           s_axis_cidx_tvalid,
    output logic                           s_axis_cidx_tready,
    output logic [                   63:0] m_desc_addr,
    output logic [                   31:0] m_desc_bytes,
    output logic [                    7:0] m_desc_tag,
    output logic                           m_desc_tvalid,
    input  logic                           m_desc_tready,
    input  logic [              BeatW-1:0] s_axis_beat_tdata,
    input  logic                           s_axis_beat_tlast,
    input  logic [                    7:0] s_axis_beat_tuser,
    input  logic                           s_axis_beat_tvalid,
    output logic                           s_axis_beat_tready,
    output logic [Tokens*Lanes*EntryW-1:0] m_axis_row_tdata,
    output logic                           m_axis_row_tlast,
    output logic                           m_axis_row_tvalid,
    input  logic                           m_axis_row_tready,
    output logic                           busy_o,
    output row_gather_pkg::cause_e         gather_cause_o,
    output row_table_pkg::cause_e          table_cause_o
);
  localparam int unsigned LevelW = $clog2(Depth + 1);
  localparam logic [7:0] TableTag = 8'd1;

  // ---- queues: jobs of the two sources, the order of the reads, the order of the rows ------------------------------
  logic gather_q_ready, table_q_ready, read_q_ready, row_q_ready;
  logic gather_job_valid, gather_job_ready, table_job_valid, table_job_ready;
  logic [63:0] gather_base;
  logic [15:0] gather_stride, gather_offset, gather_positions, table_positions, table_passes;
  logic [1:0] gather_k, gather_c, table_k, table_c;
  logic [LevelW-1:0] unused_level[4];

  assign s_cmd_ready_o = gather_q_ready && table_q_ready && read_q_ready && row_q_ready;

  fifo #(
      .Width(64 + 3 * 16 + 4), .Depth(Depth)
  ) i_gather_jobs (
      .clk_i, .rst_ni, .clear_i,
      .s_data_i({s_cmd_i.row_addr, s_cmd_i.row_stride, s_cmd_i.row_offset, s_cmd_i.positions, s_cmd_i.k_code, s_cmd_i.c_code}),
      .s_valid_i(s_cmd_valid_i && !s_cmd_i.table_mode), .s_ready_o(gather_q_ready),
      .m_data_o({gather_base, gather_stride, gather_offset, gather_positions, gather_k, gather_c}),
      .m_valid_o(gather_job_valid), .m_ready_i(gather_job_ready), .level_o(unused_level[0])
  );

  fifo #(
      .Width(2 * 16 + 4), .Depth(Depth)
  ) i_table_jobs (
      .clk_i, .rst_ni, .clear_i, .s_data_i({s_cmd_i.positions, s_cmd_i.passes, s_cmd_i.k_code, s_cmd_i.c_code}),
      .s_valid_i(s_cmd_valid_i && s_cmd_i.table_mode), .s_ready_o(table_q_ready),
      .m_data_o({table_positions, table_passes, table_k, table_c}), .m_valid_o(table_job_valid),
      .m_ready_i(table_job_ready), .level_o(unused_level[1])
  );

  // Reads: a table is one descriptor, a gather command hands the port to row_gather for `positions` descriptors.
  logic read_valid, read_table;
  logic [63:0] read_addr;
  logic [31:0] read_bytes;
  logic [15:0] read_positions, reads_q;
  // positions * C centroids * K entries: K and C are 16 << code
  wire [31:0] table_bytes = (32'(s_cmd_i.positions) * 32'(EntryW * 32)) << (3'(s_cmd_i.k_code) + 3'(s_cmd_i.c_code));
  wire read_last = read_table || reads_q + 16'd1 == read_positions;
  logic desc_valid, desc_ready;
  wire read_fire = desc_valid && desc_ready;

  fifo #(
      .Width(1 + 64 + 32 + 16), .Depth(Depth)
  ) i_reads (
      .clk_i, .rst_ni, .clear_i, .s_data_i({s_cmd_i.table_mode, s_cmd_i.row_addr, table_bytes, s_cmd_i.positions}),
      .s_valid_i(s_cmd_valid_i), .s_ready_o(read_q_ready),
      .m_data_o({read_table, read_addr, read_bytes, read_positions}), .m_valid_o(read_valid),
      .m_ready_i(read_fire && read_last), .level_o(unused_level[2])
  );

  logic [63:0] fetch_addr;
  logic [31:0] fetch_bytes;
  logic [7:0] fetch_tag;
  logic fetch_valid;
  assign desc_valid = read_valid && (read_table || fetch_valid);

  spill_register #(
      .Width(64 + 32 + 8)
  ) i_desc (
      .clk_i, .rst_ni(rst_ni && !clear_i),
      .s_data_i(read_table ? {TableTag, read_bytes, read_addr} : {fetch_tag, fetch_bytes, fetch_addr}),
      .s_valid_i(desc_valid), .s_ready_o(desc_ready), .m_data_o({m_desc_tag, m_desc_bytes, m_desc_addr}),
      .m_valid_o(m_desc_tvalid), .m_ready_i(m_desc_tready)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) reads_q <= '0;
    else if (read_fire) reads_q <= read_last ? '0 : reads_q + 16'd1;
  end

  // ---- the sources -------------------------------------------------------------------------------------------------
  logic gather_cidx_ready, table_cidx_ready, gather_beat_ready, table_beat_ready;
  logic gather_busy, table_busy, unused_gather_error, unused_table_error;
  logic [Lanes*EntryW-1:0] gather_row;
  logic [Tokens*Lanes*EntryW-1:0] table_row;
  logic gather_row_valid, gather_row_last, table_row_valid, table_row_last, row_ready;
  logic row_job_valid, row_job_table;
  wire beat_table = s_axis_beat_tuser == TableTag;

  assign s_axis_cidx_tready = s_axis_cidx_ttable ? table_cidx_ready : gather_cidx_ready;
  assign s_axis_beat_tready = beat_table ? table_beat_ready : gather_beat_ready;

  row_gather #(
      .Lanes(Lanes), .Centroids(Centroids), .ActCentroids(ActCentroids), .EntryW(EntryW), .BeatW(BeatW)
  ) i_gather (
      .clk_i, .rst_ni, .clear_i, .s_job_base(gather_base), .s_job_row_stride(gather_stride),
      .s_job_offset(gather_offset), .s_job_positions(gather_positions), .s_job_rows_per_fetch(8'd1),
      .s_job_k_code(gather_k), .s_job_c_code(gather_c), .s_job_tvalid(gather_job_valid), .s_job_tready(gather_job_ready),
      .s_axis_cidx_tdata, .s_axis_cidx_tvalid(s_axis_cidx_tvalid && !s_axis_cidx_ttable),
      .s_axis_cidx_tready(gather_cidx_ready), .m_desc_addr(fetch_addr), .m_desc_bytes(fetch_bytes),
      .m_desc_tag(fetch_tag), .m_desc_tvalid(fetch_valid), .m_desc_tready(desc_ready && read_valid && !read_table),
      .s_axis_beat_tdata, .s_axis_beat_tvalid(s_axis_beat_tvalid && !beat_table),
      .s_axis_beat_tready(gather_beat_ready), .s_axis_beat_tlast, .s_axis_beat_tuser, .m_axis_row_tdata(gather_row),
      .m_axis_row_tvalid(gather_row_valid), .m_axis_row_tready(row_ready && row_job_valid && !row_job_table),
      .m_axis_row_tlast(gather_row_last), .busy_o(gather_busy), .error_o(unused_gather_error), .cause_o(gather_cause_o)
  );

  row_table #(
      .Lanes(Lanes), .Tokens(Tokens), .Centroids(Centroids), .ActCentroids(ActCentroids), .EntryW(EntryW),
      .BeatW(BeatW), .TablePositions(TablePositions), .MemStyle((TablePositions >= 2048) ? "ultra" : "auto")
  ) i_table (
      .clk_i, .rst_ni, .clear_i, .s_job_positions(table_positions), .s_job_passes(table_passes), .s_job_k_code(table_k),
      .s_job_c_code(table_c), .s_job_tvalid(table_job_valid), .s_job_tready(table_job_ready),
      .s_axis_table_tdata(s_axis_beat_tdata), .s_axis_table_tvalid(s_axis_beat_tvalid && beat_table),
      .s_axis_table_tready(table_beat_ready), .s_axis_cidx_tdata,
      .s_axis_cidx_tvalid(s_axis_cidx_tvalid && s_axis_cidx_ttable), .s_axis_cidx_tready(table_cidx_ready),
      .m_axis_row_tdata(table_row), .m_axis_row_tvalid(table_row_valid),
      .m_axis_row_tready(row_ready && row_job_valid && row_job_table), .m_axis_row_tlast(table_row_last),
      .busy_o(table_busy), .error_o(unused_table_error), .cause_o(table_cause_o)
  );

  // ---- rows in the order of the commands ----------------------------------------------------------------------------
  logic [15:0] row_blocks, row_passes, blocks_q, passes_q;
  logic row_valid, row_last;
  wire block_end = row_valid && row_ready && row_last;
  wire last_block = blocks_q + 16'd1 == row_blocks;
  wire last_pass = passes_q + 16'd1 == row_passes;
  wire rows_end = block_end && last_block && last_pass;

  fifo #(
      .Width(1 + 2 * 16), .Depth(Depth)
  ) i_rows (
      .clk_i, .rst_ni, .clear_i,
      .s_data_i({s_cmd_i.table_mode, s_cmd_i.positions / 16'(Lanes), s_cmd_i.passes}),
      .s_valid_i(s_cmd_valid_i), .s_ready_o(row_q_ready), .m_data_o({row_job_table, row_blocks, row_passes}),
      .m_valid_o(row_job_valid), .m_ready_i(rows_end), .level_o(unused_level[3])
  );

  assign row_valid = row_job_valid && (row_job_table ? table_row_valid : gather_row_valid);
  assign row_last  = row_job_table ? table_row_last : gather_row_last;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      blocks_q <= '0;
      passes_q <= '0;
    end else if (block_end) begin
      blocks_q <= last_block ? '0 : blocks_q + 16'd1;
      if (last_block) passes_q <= last_pass ? '0 : passes_q + 16'd1;
    end
  end

  spill_register #(
      .Width(Tokens * Lanes * EntryW + 1)
  ) i_row (
      .clk_i, .rst_ni(rst_ni && !clear_i),
      .s_data_i({row_last, row_job_table ? table_row : (Tokens * Lanes * EntryW)'(gather_row)}), .s_valid_i(row_valid),
      .s_ready_o(row_ready), .m_data_o({m_axis_row_tlast, m_axis_row_tdata}), .m_valid_o(m_axis_row_tvalid),
      .m_ready_i(m_axis_row_tready)
  );

  assign busy_o = gather_busy || table_busy || row_job_valid;
endmodule
