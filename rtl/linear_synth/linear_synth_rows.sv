// linear_synth_rows: what a slice of linear_synth has for co-quantised linears: the search, the rows that are fetched, and the port that
// both row sources share.
//
//   activations, codebooks -> centroid_search -> m_found
//   indices -> row_gather -> hbm_streamer -> rows -+-> m_axis_row, in the order of the jobs
//   rows of row_synth -----------------------------+
//
// Rows of a job: int16 [positions][ActCentroids][16] from the job's row address on, one beat a row.
//
// Latency:       those of the parts; rows of row_synth 0.
// Throughput:    a position every 4 cycles into the search, one a cycle into the gather; rows a beat a cycle, 1 cycle more from job to job.
// Back-pressure: activations and codebooks wait for their user; a row waits for its turn. The port is axi_read_join's: rows go first.
// Errors:        of the reads of rows, as hbm_streamer tells them.
//
// Parameters: as in linear_synth
// Ports:
//   s_job_*       every job of the slice with rows; s_job_ready_o must have been seen
//   s_axis_act_*  Lanes pairs; s_axis_act_mode_i: whose
module linear_synth_rows
  import linear_synth_pkg::*;
#(
    parameter int unsigned Lanes = 2,
    parameter int unsigned EntryW = 16,
    parameter int unsigned ActW = 12,
    parameter int unsigned AddrW = 64,
    parameter int unsigned Depth = 4,
    parameter int unsigned Tokens = 1,
    localparam int unsigned RowW = Tokens * Lanes * EntryW
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    clear_i,
    // jobs
    input  mode_e                   s_job_mode_i,
    input  logic [            15:0] s_job_blocks_i,
    input  logic [       AddrW-6:0] s_job_row_i,
    input  logic                    s_job_valid_i,
    output logic                    s_job_ready_o,
    // activations, codebooks
    input  mode_e                   s_axis_act_mode_i,
    input  logic [2*Lanes*ActW-1:0] s_axis_act_tdata,
    input  logic                    s_axis_act_tvalid,
    output logic                    s_axis_act_tready,
    input  logic [       BeatW-1:0] s_axis_cb_tdata,
    input  logic                    s_axis_cb_tvalid,
    output logic                    s_axis_cb_tready,
    output logic [       CidxW-1:0] m_found_o,
    output logic                    m_found_valid_o,
    input  logic                    m_found_ready_i,
    // rows
    input  logic [        RowW-1:0] s_axis_row_tdata,
    input  logic                    s_axis_row_tlast,
    input  logic                    s_axis_row_tvalid,
    output logic                    s_axis_row_tready,
    output logic [        RowW-1:0] m_axis_row_tdata,
    output logic                    m_axis_row_tlast,
    output logic                    m_axis_row_tvalid,
    input  logic                    m_axis_row_tready,
    // the streams' reads in, all reads out
    input  logic [       AddrW-1:0] s_axi_araddr,
    input  logic [             7:0] s_axi_arlen,
    input  logic [             2:0] s_axi_arsize,
    input  logic [             1:0] s_axi_arburst,
    input  logic [             3:0] s_axi_arcache,
    input  logic [             2:0] s_axi_arprot,
    input  logic                    s_axi_arvalid,
    output logic                    s_axi_arready,
    output logic [             0:0] s_axi_rid,
    output logic [       BeatW-1:0] s_axi_rdata,
    output logic [             1:0] s_axi_rresp,
    output logic                    s_axi_rlast,
    output logic                    s_axi_rvalid,
    input  logic                    s_axi_rready,
    output logic [             0:0] m_axi_arid,
    output logic [       AddrW-1:0] m_axi_araddr,
    output logic [             7:0] m_axi_arlen,
    output logic [             2:0] m_axi_arsize,
    output logic [             1:0] m_axi_arburst,
    output logic [             3:0] m_axi_arcache,
    output logic [             2:0] m_axi_arprot,
    output logic                    m_axi_arvalid,
    input  logic                    m_axi_arready,
    input  logic [             0:0] m_axi_rid,
    input  logic [       BeatW-1:0] m_axi_rdata,
    input  logic [             1:0] m_axi_rresp,
    input  logic                    m_axi_rlast,
    input  logic                    m_axi_rvalid,
    output logic                    m_axi_rready,
    // status
    output logic                    port_busy_o,
    output logic                    error_o,
    output hbm_streamer_pkg::cause_e cause_o,
    output logic [       AddrW-1:0] addr_o
);
  localparam int unsigned LaneW = (Lanes > 1) ? $clog2(Lanes) : 1;
  localparam int unsigned Waiting = 64;  // rows asked for, at most
  localparam int unsigned BookBeats = 2 * ActCentroids / (BeatW / 8);  // of a position
  localparam int unsigned BookW = $clog2(BookBeats);

  // ---- activations, a position at a time -------------------------------------------------------------------------------
  logic [LaneW-1:0] lane_q;
  logic vec_ready, cidx_ready, use_ready;
  wire search = s_axis_act_mode_i == ModeSearch;
  wire [2*ActW-1:0] position = s_axis_act_tdata[32'(lane_q)*2*ActW+:2*ActW];
  wire lane_end = lane_q == LaneW'(Lanes - 1);
  assign use_ready = search ? vec_ready : cidx_ready;
  assign s_axis_act_tready = use_ready && lane_end;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) lane_q <= '0;
    else if (s_axis_act_tvalid && use_ready) lane_q <= lane_end ? '0 : lane_q + LaneW'(1);
  end

  // ---- search ----------------------------------------------------------------------------------------------------------
  logic [BookW-1:0] book_q;
  logic unused_found_last;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) book_q <= '0;
    else if (s_axis_cb_tvalid && s_axis_cb_tready) book_q <= book_q + BookW'(1);
  end

  centroid_search #(
      .Centroids(ActCentroids), .Units(BeatW / 16), .BeatW(BeatW), .ActW(8)
  ) i_search (
      .clk_i, .rst_ni(rst_ni && !clear_i), .centroids_i(($clog2(ActCentroids + 1))'(ActCentroids)),
      .s_axis_cb_tdata, .s_axis_cb_tvalid, .s_axis_cb_tready, .s_axis_cb_tlast(book_q == '1),
      .s_axis_vec_tdata({position[ActW+:8], position[7:0]}), .s_axis_vec_tvalid(s_axis_act_tvalid && search),
      .s_axis_vec_tready(vec_ready), .s_axis_vec_tlast(1'b1), .m_axis_idx_tdata(m_found_o), .m_axis_idx_tvalid(m_found_valid_o),
      .m_axis_idx_tready(m_found_ready_i), .m_axis_idx_tlast(unused_found_last)
  );

  // ---- rows from memory ------------------------------------------------------------------------------------------------
  logic [15:0] blocks;
  logic [AddrW-6:0] base;
  logic job_valid, job_ready, job_room, order_room;
  logic [$clog2(Depth+1)-1:0] unused_level[2];
  assign s_job_ready_o = job_room && order_room;

  fifo #(
      .Width(16 + AddrW - 5), .Depth(Depth)
  ) i_jobs (
      .clk_i, .rst_ni, .clear_i, .s_data_i({s_job_blocks_i, s_job_row_i}), .s_valid_i(s_job_valid_i && s_job_mode_i == ModeGather),
      .s_ready_o(job_room), .m_data_o({blocks, base}), .m_valid_o(job_valid), .m_ready_i(job_ready), .level_o(unused_level[0])
  );

  logic [AddrW-1:0] desc_addr, read_araddr;
  logic [31:0] desc_bytes;
  logic [7:0] desc_tag, row_tag, unused_error_tag, read_arlen;
  logic desc_valid, desc_ready, fetched_last, fetched_valid, fetched_ready, unused_busy, unused_idle, row_error;
  row_gather_pkg::cause_e unused_cause;
  logic [BeatW-1:0] fetched, read_rdata;
  logic [Lanes*EntryW-1:0] gathered;
  logic gathered_last, gathered_valid, gathered_ready;

  row_gather #(
      .Lanes(Lanes), .Centroids(16), .ActCentroids(ActCentroids), .EntryW(EntryW), .BeatW(BeatW), .AddrW(AddrW)
  ) i_gather (
      .clk_i, .rst_ni, .clear_i, .s_job_base({base, 5'd0}), .s_job_row_stride(16'(BeatW / 8)), .s_job_offset(16'd0),
      .s_job_positions(blocks << $clog2(Lanes)), .s_job_rows_per_fetch(8'd1), .s_job_k_code(2'd0), .s_job_c_code(2'd2),
      .s_job_tvalid(job_valid), .s_job_tready(job_ready), .s_axis_cidx_tdata(position[CidxW-1:0]),
      .s_axis_cidx_tvalid(s_axis_act_tvalid && s_axis_act_mode_i == ModeGather), .s_axis_cidx_tready(cidx_ready),
      .m_desc_addr(desc_addr), .m_desc_bytes(desc_bytes), .m_desc_tag(desc_tag), .m_desc_tvalid(desc_valid),
      .m_desc_tready(desc_ready), .s_axis_beat_tdata(fetched), .s_axis_beat_tvalid(fetched_valid),
      .s_axis_beat_tready(fetched_ready), .s_axis_beat_tlast(fetched_last), .s_axis_beat_tuser(row_tag),
      .m_axis_row_tdata(gathered), .m_axis_row_tvalid(gathered_valid), .m_axis_row_tready(gathered_ready),
      .m_axis_row_tlast(gathered_last), .busy_o(unused_busy), .error_o(row_error), .cause_o(unused_cause)
  );

  logic [0:0] read_arid, read_rid;
  logic [2:0] read_arsize, read_arprot;
  logic [1:0] read_arburst, read_rresp;
  logic [3:0] read_arcache;
  logic read_arvalid, read_arready, read_rlast, read_rvalid, read_rready;

  hbm_streamer #(
      .DataW(BeatW), .AddrW(AddrW), .WindowBytes(Waiting * BeatW / 8), .MaxBurstBytes(BeatW / 8), .BufferBeats(Waiting),
      .FetchDescs(Waiting)
  ) i_port (
      .clk_i, .rst_ni, .s_desc_addr(desc_addr), .s_desc_bytes(desc_bytes), .s_desc_tag(desc_tag), .s_desc_tvalid(desc_valid),
      .s_desc_tready(desc_ready), .m_axis_tdata(fetched), .m_axis_tlast(fetched_last), .m_axis_tuser(row_tag),
      .m_axis_tvalid(fetched_valid), .m_axis_tready(fetched_ready), .m_axi_arid(read_arid), .m_axi_araddr(read_araddr),
      .m_axi_arlen(read_arlen), .m_axi_arsize(read_arsize), .m_axi_arburst(read_arburst), .m_axi_arcache(read_arcache),
      .m_axi_arprot(read_arprot), .m_axi_arvalid(read_arvalid), .m_axi_arready(read_arready), .m_axi_rid(read_rid),
      .m_axi_rdata(read_rdata), .m_axi_rresp(read_rresp), .m_axi_rlast(read_rlast), .m_axi_rvalid(read_rvalid),
      .m_axi_rready(read_rready), .clear_i, .busy_o(port_busy_o), .idle_o(unused_idle), .error_o, .error_cause_o(cause_o),
      .error_addr_o(addr_o), .error_tag_o(unused_error_tag)
  );

  axi_read_join #(
      .AddrW(AddrW), .DataW(BeatW)
  ) i_join (
      .clk_i, .rst_ni, .s_axi_araddr({s_axi_araddr, read_araddr}), .s_axi_arlen({s_axi_arlen, read_arlen}),
      .s_axi_arsize({s_axi_arsize, read_arsize}), .s_axi_arburst({s_axi_arburst, read_arburst}),
      .s_axi_arcache({s_axi_arcache, read_arcache}), .s_axi_arprot({s_axi_arprot, read_arprot}),
      .s_axi_arvalid({s_axi_arvalid, read_arvalid}), .s_axi_arready({s_axi_arready, read_arready}),
      .s_axi_rid({s_axi_rid, read_rid}), .s_axi_rdata({s_axi_rdata, read_rdata}), .s_axi_rresp({s_axi_rresp, read_rresp}),
      .s_axi_rlast({s_axi_rlast, read_rlast}), .s_axi_rvalid({s_axi_rvalid, read_rvalid}),
      .s_axi_rready({s_axi_rready, read_rready}), .m_axi_arid, .m_axi_araddr, .m_axi_arlen, .m_axi_arsize, .m_axi_arburst,
      .m_axi_arcache, .m_axi_arprot, .m_axi_arvalid, .m_axi_arready, .m_axi_rid, .m_axi_rdata, .m_axi_rresp, .m_axi_rlast,
      .m_axi_rvalid, .m_axi_rready
  );

  // ---- rows of both sources in the order of the jobs ---------------------------------------------------------------------
  logic turn_gather, turn_valid;
  logic [15:0] turn_blocks, done_q;
  wire row_fire = m_axis_row_tvalid && m_axis_row_tready;
  wire turn_end = row_fire && m_axis_row_tlast && done_q + 16'd1 == turn_blocks;
  fifo #(
      .Width(17), .Depth(Depth)
  ) i_turns (
      .clk_i, .rst_ni, .clear_i, .s_data_i({s_job_mode_i == ModeGather, s_job_blocks_i}), .s_valid_i(s_job_valid_i),
      .s_ready_o(order_room), .m_data_o({turn_gather, turn_blocks}), .m_valid_o(turn_valid), .m_ready_i(turn_end),
      .level_o(unused_level[1])
  );
  assign m_axis_row_tdata  = turn_gather ? RowW'(gathered) : s_axis_row_tdata;
  assign m_axis_row_tlast  = turn_gather ? gathered_last : s_axis_row_tlast;
  assign m_axis_row_tvalid = turn_valid && (turn_gather ? gathered_valid : s_axis_row_tvalid);
  assign s_axis_row_tready = turn_valid && !turn_gather && m_axis_row_tready;
  assign gathered_ready    = turn_valid && turn_gather && m_axis_row_tready;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) done_q <= '0;
    else if (row_fire && m_axis_row_tlast) done_q <= turn_end ? '0 : done_q + 16'd1;
  end

  wire unused = ^{read_arid, position};  // of a position what the numbers have

  a_jobs_legal :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) !row_error);
endmodule
